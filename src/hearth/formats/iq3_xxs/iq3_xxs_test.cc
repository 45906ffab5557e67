// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/iq3_xxs/iq3_xxs.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ3_XXS, DecodesAsGolden) {
  expect_golden_decode<IQ3_XXS>("iq3_xxs.decode.bin");
}
TEST(IQ3_XXS, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ3_XXS>();
}
TEST(IQ3_XXS, NanStaysVisible) {
  expect_nan_stays_visible<IQ3_XXS>();
}
TEST(IQ3_XXS, ErrorIsBounded) {
  expect_bounded_error<IQ3_XXS>(0.4f, 62 * 8);
}
TEST(IQ3_XXS, Searches) {
  expect_searches<IQ3_XXS>(0.2145);
}
TEST(IQ3_XXS, SurvivesBadImportance) {
  expect_survives_bad_importance<IQ3_XXS>();
}

}  // namespace
}  // namespace hearth
