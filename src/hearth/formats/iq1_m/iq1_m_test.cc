// Values equal the gguf package's bit for bit.
#include "hearth/formats/iq1_m/iq1_m.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ1_M, DecodesAsGolden) {
  expect_golden_decode<IQ1_M>("iq1_m.decode.bin");
}
TEST(IQ1_M, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ1_M>();
}

}  // namespace
}  // namespace hearth
