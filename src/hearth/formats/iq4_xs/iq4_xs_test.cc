// Values equal the gguf package's bit for bit.
#include "hearth/formats/iq4_xs/iq4_xs.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ4_XS, DecodesAsGolden) {
  expect_golden_decode<IQ4_XS>("iq4_xs.decode.bin");
}
TEST(IQ4_XS, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ4_XS>();
}

}  // namespace
}  // namespace hearth
