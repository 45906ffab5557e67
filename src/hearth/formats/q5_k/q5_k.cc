// See q5_k.h.
#include "hearth/formats/q5_k/q5_k.h"

#include "hearth/formats/integers.h"
#include "hearth/formats/q4_k/q4_k.h"

namespace hearth {

void Q5_K::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  const Q4_K::Groups groups = Q4_K::unpack_groups(block.scales);
  const float d = F16::decode(block.d);
  const float dmin = F16::decode(block.dmin);
  for (int g = 0; g < kElements / kGroup; ++g) {
    scale[g] = d * static_cast<float>(groups.scale[g]);
    min[g] = dmin * static_cast<float>(groups.min[g]);
    const uint8_t* run = block.q + g / 2 * kGroup;
    for (int i = 0; i < kGroup; ++i) {
      const int low = run[i] >> (g % 2 * 4) & 15;
      *q++ = static_cast<int8_t>(low | (block.high[i] >> g & 1) << 4);
    }
  }
}

void Q5_K::decode_block(const Block& block, float* out) {
  multiply_out<Q5_K>(block, out);
}

}  // namespace hearth
