// Values equal the gguf package's bit for bit.
#include "hearth/formats/tq1_0/tq1_0.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(TQ1_0, DecodesAsGolden) {
  expect_golden_decode<TQ1_0>("tq1_0.decode.bin");
}
TEST(TQ1_0, IntegersMultiplyOut) {
  expect_integers_multiply_out<TQ1_0>();
}

}  // namespace
}  // namespace hearth
