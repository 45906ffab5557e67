// See iq3_xxs.h.
#include "hearth/formats/iq3_xxs/iq3_xxs.h"

#include "hearth/formats/grids/iq_grids.h"
#include "hearth/formats/integers.h"

namespace hearth {

void IQ3_XXS::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) {
    const uint32_t tail = block.tail[g][0] | uint32_t{block.tail[g][1]} << 16;
    for (int k = 0; k < 4; ++k, q += 8) {
      const uint32_t signs = with_parity(tail >> (7 * k) & 127);
      copy_signed(kIq3XxsGrid[block.index[g * 8 + k * 2]], signs, q);
      copy_signed(kIq3XxsGrid[block.index[g * 8 + k * 2 + 1]], signs >> 4, q + 4);
    }
    scale[g] = d * (0.5f + static_cast<float>(tail >> 28)) * 0.5f;
  }
}

void IQ3_XXS::decode_block(const Block& block, float* out) {
  multiply_out<IQ3_XXS>(block, out);
}

}  // namespace hearth
