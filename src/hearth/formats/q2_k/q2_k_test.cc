// Values equal the gguf package's bit for bit.
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

}  // namespace
}  // namespace hearth
