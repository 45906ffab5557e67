// See iq3_s.h.
#include "hearth/formats/iq3_s/iq3_s.h"

#include "hearth/formats/grids/iq_grids.h"
#include "hearth/formats/integers.h"

namespace hearth {

void IQ3_S::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  for (int k = 0; k < kElements / 4; ++k, q += 4) {
    const int index = block.low[k] | (block.high[k / 8] >> (k % 8) & 1) << 8;
    copy_signed(kIq3SGrid[static_cast<size_t>(index)],
                static_cast<uint32_t>(nibble(block.signs, k)), q);
  }
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) {
    scale[g] = d * static_cast<float>(1 + 2 * nibble(block.scales, g));
  }
}

void IQ3_S::decode_block(const Block& block, float* out) {
  multiply_out<IQ3_S>(block, out);
}

}  // namespace hearth
