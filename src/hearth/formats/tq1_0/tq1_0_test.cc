// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/tq1_0/tq1_0.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(TQ1_0, DecodesAsGolden) {
  expect_golden_decode<TQ1_0>("tq1_0.decode.bin");
}
TEST(TQ1_0, IntegersMultiplyOut) {
  expect_integers_multiply_out<TQ1_0>();
}
TEST(TQ1_0, NanStaysVisible) {
  expect_nan_stays_visible<TQ1_0>();
}
TEST(TQ1_0, ErrorIsBounded) {
  expect_bounded_error<TQ1_0>(1.0f, 1);
}
TEST(TQ1_0, Searches) {
  expect_searches<TQ1_0>(0.8111);
}
TEST(TQ1_0, SurvivesBadImportance) {
  expect_survives_bad_importance<TQ1_0>();
}
TEST(TQ1_0, BeatsThePlainEncoder) {
  expect_beats_golden_encode<TQ1_0>("tq1_0.encode.bin");
}

}  // namespace
}  // namespace hearth
