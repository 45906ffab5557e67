// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/q5_1/q5_1.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(Q5_1, DecodesAsGolden) {
  expect_golden_decode<Q5_1>("q5_1.decode.bin");
}
TEST(Q5_1, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q5_1>();
}
TEST(Q5_1, NanStaysVisible) {
  expect_nan_stays_visible<Q5_1>();
}
TEST(Q5_1, ErrorIsBounded) {
  expect_bounded_error<Q5_1>(1.0f / 31 + 0.03f, 31);
}
TEST(Q5_1, Searches) {
  expect_searches<Q5_1>(0.0380);
}
TEST(Q5_1, SurvivesBadImportance) {
  expect_survives_bad_importance<Q5_1>();
}
TEST(Q5_1, BeatsThePlainEncoder) {
  expect_beats_golden_encode<Q5_1>("q5_1.encode.bin");
}

}  // namespace
}  // namespace hearth
