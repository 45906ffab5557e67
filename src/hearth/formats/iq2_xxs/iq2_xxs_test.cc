// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/iq2_xxs/iq2_xxs.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ2_XXS, DecodesAsGolden) {
  expect_golden_decode<IQ2_XXS>("iq2_xxs.decode.bin");
}
TEST(IQ2_XXS, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ2_XXS>();
}
TEST(IQ2_XXS, NanStaysVisible) {
  expect_nan_stays_visible<IQ2_XXS>();
}
TEST(IQ2_XXS, ErrorIsBounded) {
  expect_bounded_error<IQ2_XXS>(0.8f, 43 * 4);
}
TEST(IQ2_XXS, Searches) {
  expect_searches<IQ2_XXS>(0.3433);
}
TEST(IQ2_XXS, SurvivesBadImportance) {
  expect_survives_bad_importance<IQ2_XXS>();
}

}  // namespace
}  // namespace hearth
