// See iq1_s.h.
#include "hearth/formats/iq1_s/iq1_s.h"

#include "hearth/formats/grids/ternary_rounding.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

// A group rounded at a scale.
struct Group {
  uint16_t points[4];
  bool negative;  // delta
  fit::ScaleSums sums;
};

Group round_group(const float* x, const float* w, float scale) {
  Group best{};
  for (const bool negative : {false, true}) {
    Group group{{}, negative, {}};
    for (int k = 0; k < 4; ++k) {
      const float delta = negative ? -kIq1Delta : kIq1Delta;
      const TernaryPoint point = round_to_ternary(x + k * 8, w + k * 8, scale, delta);
      group.points[k] = point.index;
      add(point.sums, group.sums);
    }
    if (!negative || group.sums.loss(scale) < best.sums.loss(scale)) best = group;
  }
  return best;
}

}  // namespace

void IQ1_S::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) {
    const unsigned high = block.high[g];
    const int delta = (high & 0x8000u) != 0 ? -1 : 1;
    for (int k = 0; k < 4; ++k) {
      const size_t index = block.low[4 * g + k] | (high >> (3 * k) & 7u) << 8;
      for (const int8_t number : kIq1Grid[index]) *q++ = static_cast<int8_t>(8 * number + delta);
    }
    scale[g] = d * static_cast<float>(1 + 2 * (high >> 12 & 7u)) * 0.125f;
  }
}

void IQ1_S::decode_block(const Block& block, float* out) {
  multiply_out<IQ1_S>(block, out);
}

void IQ1_S::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  constexpr int kGroups = kElements / kGroup;
  const auto round = [&s](int g, float scale) {
    return round_group(s.x + g * kGroup, s.w + g * kGroup, scale);
  };
  const auto best = fit::fit_odd_block<kGroups>(
      s, 1, kIq1Most, kIq1Starts, [&](int g, float scale) { return round(g, scale).sums; });
  block.d = s.stored(best.d);
  for (int g = 0; g < kGroups; ++g) {
    const Group group = round(g, best.scale(g));
    unsigned high = static_cast<unsigned>(best.unit[g]) << 12 | (group.negative ? 0x8000u : 0);
    for (int k = 0; k < 4; ++k) {
      block.low[4 * g + k] = static_cast<uint8_t>(group.points[k]);
      high |= static_cast<unsigned>(group.points[k] >> 8) << (3 * k);
    }
    block.high[g] = static_cast<uint16_t>(high);
  }
}

}  // namespace hearth
