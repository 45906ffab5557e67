// See iq2_s.h.
#include "hearth/formats/iq2_s/iq2_s.h"

#include "hearth/formats/grids/grid_rounding.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr float kFactor = 0.125f;  // d (0.5 + scale) / 4 = d / 8 (2 scale + 1)
constexpr int kMost = 15;          // largest group scale
constexpr float kStarts[] = {1 / 48.0f, 1 / 41.0f, 1 / 35.0f, 1 / 30.0f};

const GridSearch<8, 3, 1024>& search() {
  static const GridSearch<8, 3, 1024> search(kIq2SGrid, kIq2Levels);
  return search;
}

}  // namespace

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

void IQ2_S::encode_block(const float* in, const float* importance, Block& block) {
  encode_signed_points<IQ2_S>(
      search(), {kFactor, kMost, kStarts, false}, in, importance, block,
      [&block](int g, int unit, const uint16_t* points, const uint8_t* signs) {
        for (int i = 0; i < 2; ++i) {
          const int k = g * 2 + i, high = points[i] >> 8;
          block.low[k] = static_cast<uint8_t>(points[i]);
          block.high[k / 4] = static_cast<uint8_t>(block.high[k / 4] | high << (k % 4 * 2));
          block.signs[k] = signs[i];
        }
        uint8_t& scales = block.scales[g / 2];
        scales = static_cast<uint8_t>(scales | unit << (g % 2 * 4));
      });
}

}  // namespace hearth
