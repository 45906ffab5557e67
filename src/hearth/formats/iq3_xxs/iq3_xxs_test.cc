// Values equal the gguf package's bit for bit.
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

}  // namespace
}  // namespace hearth
