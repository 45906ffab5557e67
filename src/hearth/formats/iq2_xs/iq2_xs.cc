// See iq2_xs.h.
#include "hearth/formats/iq2_xs/iq2_xs.h"

#include "hearth/formats/grids/grid_rounding.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr float kFactor = 0.125f;  // d (0.5 + scale) / 4 = d / 8 (2 scale + 1)
constexpr int kMost = 15;          // largest group scale
constexpr float kStarts[] = {1 / 48.0f, 1 / 41.0f, 1 / 35.0f, 1 / 30.0f};

const GridSearch<8, 3, 512>& search() {
  static const GridSearch<8, 3, 512> search(kIq2XsGrid, kIq2Levels);
  return search;
}

}  // namespace

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

void IQ2_XS::encode_block(const float* in, const float* importance, Block& block) {
  encode_signed_points<IQ2_XS>(
      search(), {kFactor, kMost, kStarts, true}, in, importance, block,
      [&block](int g, int unit, const uint16_t* points, const uint8_t* signs) {
        for (int k = 0; k < 2; ++k) {
          block.point[g * 2 + k] = static_cast<uint16_t>(points[k] | (signs[k] & 127) << 9);
        }
        uint8_t& scales = block.scales[g / 2];
        scales = static_cast<uint8_t>(scales | unit << (g % 2 * 4));
      });
}

}  // namespace hearth
