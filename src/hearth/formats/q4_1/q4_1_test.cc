// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/q4_1/q4_1.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(Q4_1, DecodesAsGolden) {
  expect_golden_decode<Q4_1>("q4_1.decode.bin");
}
TEST(Q4_1, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q4_1>();
}
TEST(Q4_1, NanStaysVisible) {
  expect_nan_stays_visible<Q4_1>();
}
TEST(Q4_1, ErrorIsBounded) {
  expect_bounded_error<Q4_1>(1.0f / 15 + 0.03f, 15);
}
TEST(Q4_1, Searches) {
  expect_searches<Q4_1>(0.0786);
}
TEST(Q4_1, SurvivesBadImportance) {
  expect_survives_bad_importance<Q4_1>();
}
TEST(Q4_1, BeatsThePlainEncoder) {
  expect_beats_golden_encode<Q4_1>("q4_1.encode.bin");
}

}  // namespace
}  // namespace hearth
