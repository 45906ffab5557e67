// See iq4_xs.h.
#include "hearth/formats/iq4_xs/iq4_xs.h"

#include "hearth/formats/integers.h"
#include "hearth/formats/iq4_nl/iq4_nl.h"

namespace hearth {

void IQ4_XS::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) {
    const int units = (nibble(block.low, g) | (block.high >> (2 * g) & 3) << 4) - 32;
    scale[g] = d * static_cast<float>(units);
    unpack_nibbles(block.index + g * 16, q + g * kGroup);
  }
  for (int e = 0; e < kElements; ++e) q[e] = IQ4_NL::kLevels[q[e]];
}

void IQ4_XS::decode_block(const Block& block, float* out) {
  multiply_out<IQ4_XS>(block, out);
}

}  // namespace hearth
