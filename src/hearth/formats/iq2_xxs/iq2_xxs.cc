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
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  constexpr int kGroups = kElements / kGroup;
  const SignedBlock<kElements> m(s, true);
  const auto round_group = [&](int g, float scale, uint16_t* points) {
    const int at = g * kGroup;
    return round_to_grid(search(), m.magnitude + at, s.w + at, kGroup, scale, points);
  };
  const auto best = fit::fit_odd_block<kGroups>(
      s, kFactor, kMost, kStarts,
      [&](int g, float scale) { return round_group(g, scale, nullptr); });
  block.d = s.stored(best.d / kFactor);
  for (int g = 0; g < kGroups; ++g) {
    uint16_t points[4];
    round_group(g, best.scale(g), points);
    uint32_t tail = static_cast<uint32_t>(best.unit[g]) << 28;
    for (int k = 0; k < 4; ++k) tail |= (m.signs[g * 4 + k] & 127u) << (7 * k);
    block.group[g][0] = static_cast<uint16_t>(points[0] | points[1] << 8);
    block.group[g][1] = static_cast<uint16_t>(points[2] | points[3] << 8);
    block.group[g][2] = static_cast<uint16_t>(tail);
    block.group[g][3] = static_cast<uint16_t>(tail >> 16);
  }
}

}  // namespace hearth
