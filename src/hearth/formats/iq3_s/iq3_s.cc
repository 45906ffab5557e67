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
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  constexpr int kGroups = kElements / kGroup;
  const SignedBlock<kElements> m(s, false);
  const auto round_group = [&](int g, float scale, uint16_t* points) {
    const int at = g * kGroup;
    return round_to_grid(search(), m.magnitude + at, s.w + at, kGroup, scale, points);
  };
  const auto best = fit::fit_odd_block<kGroups>(
      s, kFactor, kMost, kStarts,
      [&](int g, float scale) { return round_group(g, scale, nullptr); });
  block.d = s.stored(best.d / kFactor);
  std::copy(m.signs, m.signs + kElements / 8, block.signs);
  for (int g = 0; g < kGroups; ++g) {
    uint16_t points[8];
    round_group(g, best.scale(g), points);
    for (int k = 0; k < 8; ++k) {
      block.low[g * 8 + k] = static_cast<uint8_t>(points[k]);
      block.high[g] = static_cast<uint8_t>(block.high[g] | (points[k] >> 8) << k);
    }
    uint8_t& scales = block.scales[g / 2];
    scales = static_cast<uint8_t>(scales | best.unit[g] << (g % 2 * 4));
  }
}

}  // namespace hearth
