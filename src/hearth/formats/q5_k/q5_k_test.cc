// Values equal the gguf package's bit for bit.
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

}  // namespace
}  // namespace hearth
