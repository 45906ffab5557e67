// Bytes and values equal the gguf package's; the error of an element is at most one step (the end
// opposite the extreme element is cut at +7).
#include "hearth/formats/q4_0/q4_0.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(Q4_0, DecodesAsGolden) {
  expect_golden_decode<Q4_0>("q4_0.decode.bin");
}
TEST(Q4_0, EncodesAsGolden) {
  expect_golden_encode<Q4_0>("q4_0.encode.bin");
}
TEST(Q4_0, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q4_0>();
}
TEST(Q4_0, Searches) {
  expect_searches<Q4_0>(0.0865);
}
TEST(Q4_0, NanStaysVisible) {
  expect_nan_stays_visible<Q4_0>();
}
TEST(Q4_0, ErrorIsBounded) {
  expect_bounded_error<Q4_0>(1.0f / 8 + 1.0f / 2048, 8);
}

}  // namespace
}  // namespace hearth
