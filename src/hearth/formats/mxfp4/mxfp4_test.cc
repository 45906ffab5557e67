// Values equal the gguf package's bit for bit.
#include "hearth/formats/mxfp4/mxfp4.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(MXFP4, DecodesAsGolden) {
  expect_golden_decode<MXFP4>("mxfp4.decode.bin");
}
TEST(MXFP4, IntegersMultiplyOut) {
  expect_integers_multiply_out<MXFP4>();
}

// The OCP exponent 255 is NaN, which ggml reads as a number.
TEST(MXFP4, ExponentOfNanDecodesToNan) {
  MXFP4::Block block{};
  block.e = 255;
  float out[MXFP4::kElements];
  MXFP4::decode_block(block, out);
  for (const float v : out) EXPECT_TRUE(std::isnan(v));
}

}  // namespace
}  // namespace hearth
