// Values equal the gguf package's bit for bit.
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

}  // namespace
}  // namespace hearth
