// Values equal the gguf package's bit for bit.
#include "hearth/formats/iq4_nl/iq4_nl.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ4_NL, DecodesAsGolden) {
  expect_golden_decode<IQ4_NL>("iq4_nl.decode.bin");
}
TEST(IQ4_NL, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ4_NL>();
}

}  // namespace
}  // namespace hearth
