// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/tq2_0/tq2_0.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(TQ2_0, DecodesAsGolden) {
  expect_golden_decode<TQ2_0>("tq2_0.decode.bin");
}
TEST(TQ2_0, IntegersMultiplyOut) {
  expect_integers_multiply_out<TQ2_0>();
}
TEST(TQ2_0, NanStaysVisible) {
  expect_nan_stays_visible<TQ2_0>();
}
TEST(TQ2_0, ErrorIsBounded) {
  expect_bounded_error<TQ2_0>(1.0f, 1);
}
TEST(TQ2_0, Searches) {
  expect_searches<TQ2_0>(0.8111);
}
TEST(TQ2_0, SurvivesBadImportance) {
  expect_survives_bad_importance<TQ2_0>();
}
TEST(TQ2_0, BeatsThePlainEncoder) {
  expect_beats_golden_encode<TQ2_0>("tq2_0.encode.bin");
}

}  // namespace
}  // namespace hearth
