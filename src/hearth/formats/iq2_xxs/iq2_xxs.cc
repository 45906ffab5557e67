// See iq2_xxs.h.
#include "hearth/formats/iq2_xxs/iq2_xxs.h"

#include "hearth/formats/grids/grid_rounding.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr float kFactor = 0.125f;  // d (0.5 + scale) / 4 = d / 8 (2 scale + 1)
constexpr int kMost = 15;          // largest group scale
constexpr float kStarts[] = {1 / 48.0f, 1 / 41.0f, 1 / 35.0f, 1 / 30.0f};

const GridSearch<8, 3, 256>& search() {
  static const GridSearch<8, 3, 256> search(kIq2XxsGrid, kIq2Levels);
  return search;
}

}  // namespace

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

void IQ2_XXS::encode_block(const float* in, const float* importance, Block& block) {
  encode_signed_points<IQ2_XXS>(
      search(), {kFactor, kMost, kStarts, true}, in, importance, block,
      [&block](int g, int unit, const uint16_t* points, const uint8_t* signs) {
        uint32_t tail = static_cast<uint32_t>(unit) << 28;
        for (int k = 0; k < 4; ++k) tail |= (signs[k] & 127u) << (7 * k);
        block.group[g][0] = static_cast<uint16_t>(points[0] | points[1] << 8);
        block.group[g][1] = static_cast<uint16_t>(points[2] | points[3] << 8);
        block.group[g][2] = static_cast<uint16_t>(tail);
        block.group[g][3] = static_cast<uint16_t>(tail >> 16);
      });
}

}  // namespace hearth
