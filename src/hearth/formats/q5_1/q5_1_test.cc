// Values equal the gguf package's bit for bit.
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

}  // namespace
}  // namespace hearth
