// See q3_k.h.
#include "hearth/formats/q3_k/q3_k.h"

#include "hearth/formats/integers.h"

namespace hearth {

void Q3_K::unpack_scales(const uint8_t scales[12], int8_t out[kElements / kGroup]) {
  for (int g = 0; g < kElements / kGroup; ++g) {
    const int low = scales[g % 8] >> (g / 8 * 4) & 15;
    const int high = scales[8 + g % 4] >> (g / 4 * 2) & 3;
    out[g] = static_cast<int8_t>((low | high << 4) - 32);
  }
}

void Q3_K::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_two_bits(block.low, q);
  for (int e = 0; e < kElements; ++e) {
    const int high = block.high[e % 32] >> (e / 32) & 1;
    q[e] = static_cast<int8_t>((q[e] | high << 2) - 4);
  }
  int8_t units[kElements / kGroup];
  unpack_scales(block.scales, units);
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) scale[g] = d * static_cast<float>(units[g]);
}

void Q3_K::decode_block(const Block& block, float* out) {
  multiply_out<Q3_K>(block, out);
}

}  // namespace hearth
