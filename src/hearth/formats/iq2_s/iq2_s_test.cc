// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/iq2_s/iq2_s.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ2_S, DecodesAsGolden) {
  expect_golden_decode<IQ2_S>("iq2_s.decode.bin");
}
TEST(IQ2_S, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ2_S>();
}
TEST(IQ2_S, NanStaysVisible) {
  expect_nan_stays_visible<IQ2_S>();
}
TEST(IQ2_S, ErrorIsBounded) {
  expect_bounded_error<IQ2_S>(0.8f, 43 * 4);
}
TEST(IQ2_S, Searches) {
  expect_searches<IQ2_S>(0.2675);
}
TEST(IQ2_S, SurvivesBadImportance) {
  expect_survives_bad_importance<IQ2_S>();
}

}  // namespace
}  // namespace hearth
