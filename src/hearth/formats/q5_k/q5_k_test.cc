// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/q5_k/q5_k.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(Q5_K, DecodesAsGolden) {
  expect_golden_decode<Q5_K>("q5_k.decode.bin");
}
TEST(Q5_K, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q5_K>();
}
TEST(Q5_K, NanStaysVisible) {
  expect_nan_stays_visible<Q5_K>();
}
TEST(Q5_K, ErrorIsBounded) {
  expect_bounded_error<Q5_K>(1.0f / 31 + 1.0f / 63 + 0.02f, 31 * 63);
}
TEST(Q5_K, Searches) {
  expect_searches<Q5_K>(0.0362);
}
TEST(Q5_K, SurvivesBadImportance) {
  expect_survives_bad_importance<Q5_K>();
}

}  // namespace
}  // namespace hearth
