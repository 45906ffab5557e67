// Values equal the gguf package's bit for bit.
#include "hearth/formats/iq3_s/iq3_s.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(IQ3_S, DecodesAsGolden) {
  expect_golden_decode<IQ3_S>("iq3_s.decode.bin");
}
TEST(IQ3_S, IntegersMultiplyOut) {
  expect_integers_multiply_out<IQ3_S>();
}

}  // namespace
}  // namespace hearth
