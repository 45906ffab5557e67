// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/q5_0/q5_0.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(Q5_0, DecodesAsGolden) {
  expect_golden_decode<Q5_0>("q5_0.decode.bin");
}
TEST(Q5_0, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q5_0>();
}
TEST(Q5_0, NanStaysVisible) {
  expect_nan_stays_visible<Q5_0>();
}
TEST(Q5_0, ErrorIsBounded) {
  expect_bounded_error<Q5_0>(1.0f / 16 + 0.02f, 16);
}
TEST(Q5_0, Searches) {
  expect_searches<Q5_0>(0.0431);
}
TEST(Q5_0, SurvivesBadImportance) {
  expect_survives_bad_importance<Q5_0>();
}
TEST(Q5_0, BeatsThePlainEncoder) {
  expect_beats_golden_encode<Q5_0>("q5_0.encode.bin");
}

}  // namespace
}  // namespace hearth
