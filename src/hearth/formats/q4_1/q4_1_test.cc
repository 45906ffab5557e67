// Values equal the gguf package's bit for bit.
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

}  // namespace
}  // namespace hearth
