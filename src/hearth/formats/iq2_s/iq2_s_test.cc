// Values equal the gguf package's bit for bit.
#include "hearth/formats/iq2_s/iq2_s.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ2_S, DecodesAsGolden) {
  expect_golden_decode<IQ2_S>("iq2_s.decode.bin");
}
TEST(IQ2_S, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ2_S>();
}

}  // namespace
}  // namespace hearth
