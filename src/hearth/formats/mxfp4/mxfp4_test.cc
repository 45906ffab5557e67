// Values equal the gguf package's bit for bit; the encoder searches.
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
TEST(MXFP4, NanStaysVisible) {
  expect_nan_stays_visible<MXFP4>();
}
TEST(MXFP4, ErrorIsBounded) {
  expect_bounded_error<MXFP4>(0.3f, 0x1p-103f);  // the smallest scale is 2^-128
}
TEST(MXFP4, Searches) {
  expect_searches<MXFP4>(0.1153);
}
TEST(MXFP4, SurvivesBadImportance) {
  expect_survives_bad_importance<MXFP4>();
}
TEST(MXFP4, BeatsThePlainEncoder) {
  expect_beats_golden_encode<MXFP4>("mxfp4.encode.bin");
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
