// See iq2_xxs.h.
#include "hearth/formats/iq2_xxs/iq2_xxs.h"

#include "hearth/formats/grids/iq_grids.h"
#include "hearth/formats/integers.h"

namespace hearth {

void IQ2_XXS::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) {
    const uint16_t* group = block.group[g];
    const uint32_t tail = group[2] | uint32_t{group[3]} << 16;
    for (int k = 0; k < 4; ++k, q += 8) {
      const int index = group[k / 2] >> (k % 2 * 8) & 255;
      copy_signed(kIq2XxsGrid[static_cast<size_t>(index)], with_parity(tail >> (7 * k) & 127), q);
    }
    scale[g] = d * (0.5f + static_cast<float>(tail >> 28)) * 0.25f;
  }
}

void IQ2_XXS::decode_block(const Block& block, float* out) {
  multiply_out<IQ2_XXS>(block, out);
}

}  // namespace hearth
