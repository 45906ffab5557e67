// See q2_k.h.
#include "hearth/formats/q2_k/q2_k.h"

#include "hearth/formats/integers.h"

namespace hearth {

void Q2_K::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  unpack_two_bits(block.q, q);
  const float d = F16::decode(block.d);
  const float dmin = F16::decode(block.dmin);
  for (int g = 0; g < kElements / kGroup; ++g) {
    scale[g] = d * static_cast<float>(block.scales[g] & 15);
    min[g] = dmin * static_cast<float>(block.scales[g] >> 4);
  }
}

void Q2_K::decode_block(const Block& block, float* out) {
  multiply_out<Q2_K>(block, out);
}

}  // namespace hearth
