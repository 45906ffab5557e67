// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/iq4_nl/iq4_nl.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ4_NL, DecodesAsGolden) {
  expect_golden_decode<IQ4_NL>("iq4_nl.decode.bin");
}
TEST(IQ4_NL, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ4_NL>();
}
TEST(IQ4_NL, NanStaysVisible) {
  expect_nan_stays_visible<IQ4_NL>();
}
TEST(IQ4_NL, ErrorIsBounded) {
  expect_bounded_error<IQ4_NL>(0.15f, 127);
}
TEST(IQ4_NL, Searches) {
  expect_searches<IQ4_NL>(0.0764);
}
TEST(IQ4_NL, SurvivesBadImportance) {
  expect_survives_bad_importance<IQ4_NL>();
}

}  // namespace
}  // namespace hearth
