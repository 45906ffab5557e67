// Values equal the gguf package's bit for bit.
#include "hearth/formats/iq2_xs/iq2_xs.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ2_XS, DecodesAsGolden) {
  expect_golden_decode<IQ2_XS>("iq2_xs.decode.bin");
}
TEST(IQ2_XS, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ2_XS>();
}

}  // namespace
}  // namespace hearth
