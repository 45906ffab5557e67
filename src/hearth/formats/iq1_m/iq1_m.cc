// See iq1_m.h.
#include "hearth/formats/iq1_m/iq1_m.h"

#include "hearth/formats/grids/ternary_rounding.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

// Eight elements rounded at a scale.
struct Eight {
  TernaryPoint point;
  bool negative;  // delta
};

Eight round_eight(const float* x, const float* w, float scale) {
  const TernaryPoint up = round_to_ternary(x, w, scale, kIq1Delta);
  const TernaryPoint down = round_to_ternary(x, w, scale, -kIq1Delta);
  if (down.sums.loss(scale) < up.sums.loss(scale)) return {down, true};
  return {up, false};
}

void store_d(uint16_t bits, IQ1_M::Block& block) {
  for (int s = 0; s < 4; ++s) {
    const int nibble = bits >> (4 * s) & 15;
    block.scales[s] = static_cast<uint16_t>(block.scales[s] | nibble << 12);
  }
}

}  // namespace

void IQ1_M::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  for (int k = 0; k < kElements / 8; ++k) {
    const int high = nibble(block.high, k);
    const int delta = (high & 8) != 0 ? -1 : 1;
    const auto index = static_cast<size_t>(block.low[k] | (high & 7) << 8);
    for (const int8_t number : kIq1Grid[index]) *q++ = static_cast<int8_t>(8 * number + delta);
  }
  unsigned bits = 0;
  for (int s = 0; s < 4; ++s) bits |= static_cast<unsigned>(block.scales[s] >> 12) << (4 * s);
  const float d = F16::decode(static_cast<uint16_t>(bits));
  for (int g = 0; g < kElements / kGroup; ++g) {
    const int units = block.scales[g / 4] >> (g % 4 * 3) & 7;
    scale[g] = d * static_cast<float>(1 + 2 * units) * 0.125f;
  }
}

void IQ1_M::decode_block(const Block& block, float* out) {
  multiply_out<IQ1_M>(block, out);
}

void IQ1_M::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) return store_d(F16::kNan, block);
  constexpr int kGroups = kElements / kGroup;
  const auto round = [&s](int k, float scale) {
    return round_eight(s.x + k * 8, s.w + k * 8, scale);
  };
  const auto best =
      fit::fit_odd_block<kGroups>(s, 1, kIq1Most, kIq1Starts, [&](int g, float scale) {
        fit::ScaleSums sums = round(2 * g, scale).point.sums;
        add(round(2 * g + 1, scale).point.sums, sums);
        return sums;
      });
  store_d(s.stored(best.d), block);
  for (int g = 0; g < kGroups; ++g) {
    uint16_t& scales = block.scales[g / 4];
    scales = static_cast<uint16_t>(scales | best.unit[g] << (g % 4 * 3));
    for (int k = 2 * g; k < 2 * g + 2; ++k) {
      const Eight eight = round(k, best.scale(g));
      const int high = eight.point.index >> 8 | (eight.negative ? 8 : 0);
      block.low[k] = static_cast<uint8_t>(eight.point.index);
      block.high[k / 2] = static_cast<uint8_t>(block.high[k / 2] | high << (k % 2 * 4));
    }
  }
}

}  // namespace hearth
