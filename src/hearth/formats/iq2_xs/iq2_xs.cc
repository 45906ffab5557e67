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
    uint16_t* points = block.point + g * 2;
    round_group(g, best.scale(g), points);
    for (int k = 0; k < 2; ++k) {
      points[k] = static_cast<uint16_t>(points[k] | (m.signs[g * 2 + k] & 127) << 9);
    }
    uint8_t& scales = block.scales[g / 2];
    scales = static_cast<uint8_t>(scales | best.unit[g] << (g % 2 * 4));
  }
}

}  // namespace hearth
