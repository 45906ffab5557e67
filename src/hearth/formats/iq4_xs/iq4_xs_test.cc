// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/iq4_xs/iq4_xs.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ4_XS, DecodesAsGolden) {
  expect_golden_decode<IQ4_XS>("iq4_xs.decode.bin");
}
TEST(IQ4_XS, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ4_XS>();
}
TEST(IQ4_XS, NanStaysVisible) {
  expect_nan_stays_visible<IQ4_XS>();
}
TEST(IQ4_XS, ErrorIsBounded) {
  expect_bounded_error<IQ4_XS>(0.15f, 127 * 32);
}
TEST(IQ4_XS, Searches) {
  expect_searches<IQ4_XS>(0.0769);
}
TEST(IQ4_XS, SurvivesBadImportance) {
  expect_survives_bad_importance<IQ4_XS>();
}

}  // namespace
}  // namespace hearth
