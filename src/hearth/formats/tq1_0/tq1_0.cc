// See tq1_0.h.
#include "hearth/formats/tq1_0/tq1_0.h"

#include <algorithm>

#include "hearth/formats/integers.h"

namespace hearth {
namespace {

// q[n * kBytes + i] = digit n of byte i, less one. A byte times 3^n, without the carry, is the
// fraction with n digits shifted out.
template <int kBytes, int kDigits>
void unpack_digits(const uint8_t* bytes, int8_t* q) {
  unsigned power = 1;
  for (int n = 0; n < kDigits; ++n, power *= 3) {
    for (int i = 0; i < kBytes; ++i) {
      const unsigned fraction = bytes[i] * power & 255u;
      *q++ = static_cast<int8_t>(static_cast<int>(fraction * 3 >> 8) - 1);
    }
  }
}

}  // namespace

void TQ1_0::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_digits<32, 5>(block.q, q);
  unpack_digits<16, 5>(block.q + 32, q + 160);
  unpack_digits<4, 4>(block.rest, q + 240);
  std::fill(scale, scale + kElements / kGroup, F16::decode(block.d));
}

void TQ1_0::decode_block(const Block& block, float* out) {
  multiply_out<TQ1_0>(block, out);
}

}  // namespace hearth
