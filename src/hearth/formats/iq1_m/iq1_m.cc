// See iq1_m.h.
#include "hearth/formats/iq1_m/iq1_m.h"

#include "hearth/formats/grids/iq_grids.h"
#include "hearth/formats/integers.h"

namespace hearth {

void IQ1_M::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  for (int k = 0; k < kElements / 8; ++k) {
    const int high = nibble(block.high, k);
    const int delta = (high & 8) != 0 ? -1 : 1;
    const auto index = static_cast<size_t>(block.low[k] | (high & 7) << 8);
    for (const int8_t number : kIq1Grid[index]) *q++ = static_cast<int8_t>(8 * number + delta);
  }
  unsigned bits = 0;
  for (int s = 0; s < 4; ++s) bits |= static_cast<unsigned>(block.scales[s] >> 12) << (4 * s);
  const float d = F16::decode(static_cast<uint16_t>(bits));
  for (int g = 0; g < kElements / kGroup; ++g) {
    const int units = block.scales[g / 4] >> (g % 4 * 3) & 7;
    scale[g] = d * static_cast<float>(1 + 2 * units) * 0.125f;
  }
}

void IQ1_M::decode_block(const Block& block, float* out) {
  multiply_out<IQ1_M>(block, out);
}

}  // namespace hearth
