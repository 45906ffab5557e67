// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/iq3_s/iq3_s.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ3_S, DecodesAsGolden) {
  expect_golden_decode<IQ3_S>("iq3_s.decode.bin");
}
TEST(IQ3_S, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ3_S>();
}
TEST(IQ3_S, NanStaysVisible) {
  expect_nan_stays_visible<IQ3_S>();
}
TEST(IQ3_S, ErrorIsBounded) {
  expect_bounded_error<IQ3_S>(0.35f, 15 * 31);
}
TEST(IQ3_S, Searches) {
  expect_searches<IQ3_S>(0.1668);
}
TEST(IQ3_S, SurvivesBadImportance) {
  expect_survives_bad_importance<IQ3_S>();
}

}  // namespace
}  // namespace hearth
