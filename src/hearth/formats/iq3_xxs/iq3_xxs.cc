// See iq3_xxs.h.
#include "hearth/formats/iq3_xxs/iq3_xxs.h"

#include "hearth/formats/grids/grid_rounding.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr float kFactor = 0.25f;  // d (0.5 + scale) / 2 = d / 4 (2 scale + 1)
constexpr int kMost = 15;         // largest group scale
constexpr float kStarts[] = {1 / 65.0f, 1 / 58.0f, 1 / 52.0f, 1 / 46.0f};

const GridSearch<4, 8, 256>& search() {
  static const GridSearch<4, 8, 256> search(kIq3XxsGrid, kIq3XxsLevels);
  return search;
}

}  // namespace

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

void IQ3_XXS::encode_block(const float* in, const float* importance, Block& block) {
  encode_signed_points<IQ3_XXS>(
      search(), {kFactor, kMost, kStarts, true}, in, importance, block,
      [&block](int g, int unit, const uint16_t* points, const uint8_t* signs) {
        for (int k = 0; k < 8; ++k) block.index[g * 8 + k] = static_cast<uint8_t>(points[k]);
        uint32_t tail = static_cast<uint32_t>(unit) << 28;
        for (int k = 0; k < 4; ++k) tail |= (signs[k] & 127u) << (7 * k);
        block.tail[g][0] = static_cast<uint16_t>(tail);
        block.tail[g][1] = static_cast<uint16_t>(tail >> 16);
      });
}

}  // namespace hearth
