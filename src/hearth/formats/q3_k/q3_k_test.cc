// Values equal the gguf package's bit for bit; the encoder searches.
#include "hearth/formats/q3_k/q3_k.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(Q3_K, DecodesAsGolden) {
  expect_golden_decode<Q3_K>("q3_k.decode.bin");
}
TEST(Q3_K, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q3_K>();
}
TEST(Q3_K, NanStaysVisible) {
  expect_nan_stays_visible<Q3_K>();
}
TEST(Q3_K, ErrorIsBounded) {
  expect_bounded_error<Q3_K>(0.35f, 4 * 32);
}
TEST(Q3_K, Searches) {
  expect_searches<Q3_K>(0.1517);
}
TEST(Q3_K, SurvivesBadImportance) {
  expect_survives_bad_importance<Q3_K>();
}

}  // namespace
}  // namespace hearth
