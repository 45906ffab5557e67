// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/q2_k/q2_k.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(Q2_K, DecodesAsGolden) {
  expect_golden_decode<Q2_K>("q2_k.decode.bin");
}
TEST(Q2_K, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q2_K>();
}
TEST(Q2_K, NanStaysVisible) {
  expect_nan_stays_visible<Q2_K>();
}
TEST(Q2_K, ErrorIsBounded) {
  expect_bounded_error<Q2_K>(0.5f, 3 * 15);
}
TEST(Q2_K, Searches) {
  expect_searches<Q2_K>(0.2973);
}
TEST(Q2_K, SurvivesBadImportance) {
  expect_survives_bad_importance<Q2_K>();
}

}  // namespace
}  // namespace hearth
