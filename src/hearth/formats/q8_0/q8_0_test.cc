// Bytes and values equal the gguf package's; the error of an element is at most half a step.
#include "hearth/formats/q8_0/q8_0.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(Q8_0, DecodesAsGolden) {
  expect_golden_decode<Q8_0>("q8_0.decode.bin");
}
TEST(Q8_0, EncodesAsGolden) {
  expect_golden_encode<Q8_0>("q8_0.encode.bin");
}
TEST(Q8_0, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q8_0>();
}
TEST(Q8_0, NanStaysVisible) {
  expect_nan_stays_visible<Q8_0>();
}
// Half a step, and the rounding of the scale to 11 bits.
TEST(Q8_0, ErrorIsBounded) {
  expect_bounded_error<Q8_0>(0.5f / 127 + 1.0f / 2048, 127);
}

}  // namespace
}  // namespace hearth
