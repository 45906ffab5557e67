// See mxfp4.h.
#include "hearth/formats/mxfp4/mxfp4.h"

#include <bit>
#include <limits>

#include "hearth/formats/integers.h"

namespace hearth {

// The two smallest are subnormal floats.
float MXFP4::half_scale(uint8_t e) {
  if (e == 255) return std::numeric_limits<float>::quiet_NaN();
  const uint32_t bits = e < 2 ? uint32_t{0x00200000} << e : (uint32_t{e} - 1) << 23;
  return std::bit_cast<float>(bits);
}

void MXFP4::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_nibbles(block.q, q);
  for (int i = 0; i < kElements; ++i) q[i] = kDoubled[q[i]];
  *scale = half_scale(block.e);
}

void MXFP4::decode_block(const Block& block, float* out) {
  multiply_out<MXFP4>(block, out);
}

}  // namespace hearth
