// Values equal the gguf package's bit for bit.
#include "hearth/formats/q5_0/q5_0.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(Q5_0, DecodesAsGolden) {
  expect_golden_decode<Q5_0>("q5_0.decode.bin");
}
TEST(Q5_0, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q5_0>();
}

}  // namespace
}  // namespace hearth
