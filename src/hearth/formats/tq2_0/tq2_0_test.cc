// Values equal the gguf package's bit for bit.
#include "hearth/formats/tq2_0/tq2_0.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(TQ2_0, DecodesAsGolden) {
  expect_golden_decode<TQ2_0>("tq2_0.decode.bin");
}
TEST(TQ2_0, IntegersMultiplyOut) {
  expect_integers_multiply_out<TQ2_0>();
}

}  // namespace
}  // namespace hearth
