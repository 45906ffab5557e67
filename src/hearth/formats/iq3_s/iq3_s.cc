// See iq3_s.h.
#include "hearth/formats/iq3_s/iq3_s.h"

#include "hearth/formats/grids/grid_rounding.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr float kFactor = 1;  // d (2 scale + 1)
constexpr int kMost = 15;     // largest group scale
constexpr float kStarts[] = {1 / 15.5f, 1 / 14.0f, 1 / 12.6f, 1 / 11.2f};

const GridSearch<4, 8, 512>& search() {
  static const GridSearch<4, 8, 512> search(kIq3SGrid, kIq3SLevels);
  return search;
}

}  // namespace

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

void IQ3_S::encode_block(const float* in, const float* importance, Block& block) {
  encode_signed_points<IQ3_S>(
      search(), {kFactor, kMost, kStarts, false}, in, importance, block,
      [&block](int g, int unit, const uint16_t* points, const uint8_t* signs) {
        for (int k = 0; k < 8; ++k) {
          block.low[g * 8 + k] = static_cast<uint8_t>(points[k]);
          block.high[g] = static_cast<uint8_t>(block.high[g] | (points[k] >> 8) << k);
        }
        std::copy(signs, signs + 4, block.signs + g * 4);
        uint8_t& scales = block.scales[g / 2];
        scales = static_cast<uint8_t>(scales | unit << (g % 2 * 4));
      });
}

}  // namespace hearth
