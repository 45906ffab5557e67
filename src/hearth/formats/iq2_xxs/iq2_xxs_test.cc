// Values equal the gguf package's bit for bit.
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

}  // namespace
}  // namespace hearth
