// See iq2_s.h.
#include "hearth/formats/iq2_s/iq2_s.h"

#include "hearth/formats/grids/iq_grids.h"
#include "hearth/formats/integers.h"

namespace hearth {

void IQ2_S::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  for (int k = 0; k < kElements / 8; ++k, q += 8) {
    const int index = block.low[k] | (block.high[k / 4] >> (k % 4 * 2) & 3) << 8;
    copy_signed(kIq2SGrid[static_cast<size_t>(index)], block.signs[k], q);
  }
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) {
    scale[g] = d * (0.5f + static_cast<float>(nibble(block.scales, g))) * 0.25f;
  }
}

void IQ2_S::decode_block(const Block& block, float* out) {
  multiply_out<IQ2_S>(block, out);
}

}  // namespace hearth
