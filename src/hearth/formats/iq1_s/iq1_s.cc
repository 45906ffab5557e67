// See iq1_s.h.
#include "hearth/formats/iq1_s/iq1_s.h"

#include "hearth/formats/grids/iq_grids.h"
#include "hearth/formats/integers.h"

namespace hearth {

void IQ1_S::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) {
    const unsigned high = block.high[g];
    const int delta = (high & 0x8000u) != 0 ? -1 : 1;
    for (int k = 0; k < 4; ++k) {
      const size_t index = block.low[4 * g + k] | (high >> (3 * k) & 7u) << 8;
      for (const int8_t number : kIq1Grid[index]) *q++ = static_cast<int8_t>(8 * number + delta);
    }
    scale[g] = d * static_cast<float>(1 + 2 * (high >> 12 & 7u)) * 0.125f;
  }
}

void IQ1_S::decode_block(const Block& block, float* out) {
  multiply_out<IQ1_S>(block, out);
}

}  // namespace hearth
