// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/iq2_xs/iq2_xs.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ2_XS, DecodesAsGolden) {
  expect_golden_decode<IQ2_XS>("iq2_xs.decode.bin");
}
TEST(IQ2_XS, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ2_XS>();
}
TEST(IQ2_XS, NanStaysVisible) {
  expect_nan_stays_visible<IQ2_XS>();
}
TEST(IQ2_XS, ErrorIsBounded) {
  expect_bounded_error<IQ2_XS>(0.8f, 43 * 4);
}
TEST(IQ2_XS, Searches) {
  expect_searches<IQ2_XS>(0.3015);
}
TEST(IQ2_XS, SurvivesBadImportance) {
  expect_survives_bad_importance<IQ2_XS>();
}

}  // namespace
}  // namespace hearth
