// See iq2_xs.h.
#include "hearth/formats/iq2_xs/iq2_xs.h"

#include "hearth/formats/grids/iq_grids.h"
#include "hearth/formats/integers.h"

namespace hearth {

void IQ2_XS::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  for (const uint16_t point : block.point) {
    copy_signed(kIq2XsGrid[point & 511u], with_parity(point >> 9), q);
    q += 8;
  }
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) {
    scale[g] = d * (0.5f + static_cast<float>(nibble(block.scales, g))) * 0.25f;
  }
}

void IQ2_XS::decode_block(const Block& block, float* out) {
  multiply_out<IQ2_XS>(block, out);
}

}  // namespace hearth
