// Values equal the gguf package's bit for bit.
#include "hearth/formats/iq1_s/iq1_s.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ1_S, DecodesAsGolden) {
  expect_golden_decode<IQ1_S>("iq1_s.decode.bin");
}
TEST(IQ1_S, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ1_S>();
}

}  // namespace
}  // namespace hearth
