// Least squares for blocks whose groups have scales of d times an odd number: the IQ formats with
// grids. How a group is rounded at a scale is the format's; here scales and d are found.
#pragma once

#include <span>

#include "hearth/formats/fit_scale.h"

namespace hearth::fit {

// The scale of group g is d * (2 unit[g] + 1), unit[g] in [0, most].
template <int kGroups>
struct OddBlock {
  float d = 0;  // in the units of the sample
  int unit[kGroups] = {};

  float scale(int g) const { return d * static_cast<float>(2 * unit[g] + 1); }
};

inline int nearest_odd(float scale, float d, int most) {
  const float unit = (scale / d - 1) / 2;
  return static_cast<int>(std::lround(std::clamp(unit, 0.0f, static_cast<float>(most))));
}

// Round: ScaleSums(int g, float scale), the group rounded at a scale > 0. The first scale of a
// group is each of `starts` times its largest magnitude.
template <int kElements, typename Round>
float fit_group(const Sample<kElements>& s, int g, int count, std::span<const float> starts,
                const Round& round) {
  const float amax = std::abs(extreme_of(s.x + g * count, count));
  if (amax == 0) return 0;
  ScaleSums best;
  for (const float start : starts) {
    const ScaleSums sums = round(g, start * amax);
    if (sums.qx > 0 && sums.gain() > best.gain()) best = sums;
  }
  for (int turn = 0; turn < 1 && best.qx > 0; ++turn) {
    const ScaleSums sums = round(g, best.scale());
    if (!(sums.qx > 0 && sums.gain() > best.gain())) break;
    best = sums;
  }
  return best.scale();
}

// Moves each group to the unit that its numbers ask for where that is better.
template <int kGroups, typename Round>
BlockCost polish(int most, const Round& round, OddBlock<kGroups>& block) {
  BlockCost cost;
  float numerator = 0, denominator = 0;
  for (int g = 0; g < kGroups; ++g) {
    ScaleSums sums = round(g, block.scale(g));
    float loss = sums.loss(block.scale(g));
    const int before = block.unit[g];
    const int wanted = nearest_odd(sums.scale(), block.d, most);
    if (wanted != before) {
      block.unit[g] = wanted;
      const ScaleSums moved = round(g, block.scale(g));
      if (moved.loss(block.scale(g)) < loss) {
        sums = moved;
        loss = moved.loss(block.scale(g));
      } else {
        block.unit[g] = before;
      }
    }
    const auto odd = static_cast<float>(2 * block.unit[g] + 1);
    cost.loss += loss;
    numerator += odd * sums.qx;
    denominator += odd * odd * sums.qq;
  }
  cost.best_d = denominator > 0 ? numerator / denominator : 0;
  return cost;
}

// `factor`: d of the formula here over the d that the block stores.
template <int kGroups, int kElements, typename Round>
OddBlock<kGroups> fit_odd_block(const Sample<kElements>& s, float factor, int most,
                                std::span<const float> starts, const Round& round) {
  float scales[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    scales[g] = fit_group(s, g, kElements / kGroups, starts, round);
  }
  const float top = *std::max_element(scales, scales + kGroups);
  OddBlock<kGroups> best, block;
  block.d = factor * s.rounded(top / static_cast<float>(2 * most + 1) / factor);
  if (!(block.d > 0)) return best;
  for (int g = 0; g < kGroups; ++g) block.unit[g] = nearest_odd(scales[g], block.d, most);
  float best_loss = INFINITY;
  for (int turn = 0; turn < 3; ++turn) {
    const BlockCost cost = polish(most, round, block);
    if (!(cost.loss < best_loss)) break;
    best_loss = cost.loss;
    best = block;
    block.d = factor * s.rounded(cost.best_d / factor);
    if (!(block.d > 0) || block.d == best.d) break;
  }
  return best;
}

}  // namespace hearth::fit
