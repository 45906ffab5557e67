// Least squares for value = scale * q: a group alone, and a block whose groups have scales of d
// times a small whole number (Q3_K, Q6_K, IQ4_XS). q is any set of levels, given as the function
// that finds the nearest one.
#pragma once

#include <span>

#include "hearth/formats/fit.h"

namespace hearth::fit {

// Weighted sums over a group that was rounded to q.
struct ScaleSums {
  float qx = 0, qq = 0;

  float scale() const { return qq > 0 ? qx / qq : 0; }      // the best one for this q
  float gain() const { return qq > 0 ? qx * qx / qq : 0; }  // what it saves of the squared error
  float loss(float scale) const { return scale * (scale * qq - 2 * qx); }  // error - sum w x^2
};

// Rounds x * inverse to the nearest levels.
template <int kCount, typename Nearest>
ScaleSums round_group(const float* x, const float* w, float inverse, const Nearest& nearest) {
  Lanes qx{}, qq{};
  for (int i = 0; i < kCount; i += kLanes) {
    const Lanes value = load_lanes(x + i);
    const Lanes q = nearest(value * inverse);
    const Lanes wq = load_lanes(w + i) * q;
    qx += wq * value;
    qq += wq * q;
  }
  return {sum_lanes(qx), sum_lanes(qq)};
}

inline float extreme_of(const float* x, int count) {
  return *std::max_element(x, x + count,
                           [](float a, float b) { return std::abs(a) < std::abs(b); });
}

// The best scale of a group: the element of largest magnitude is put at each of `starts` (in units
// of q), and the best outcome rounded again with its own scale while that helps.
template <int kCount, typename Nearest>
float fit_group(const float* x, const float* w, const Nearest& nearest,
                std::span<const float> starts) {
  const float extreme = extreme_of(x, kCount);
  ScaleSums best;
  for (const float start : starts) {
    const ScaleSums sums = round_group<kCount>(x, w, start / extreme, nearest);
    if (sums.gain() > best.gain()) best = sums;
  }
  for (int round = 0; round < 3; ++round) {
    const ScaleSums sums = round_group<kCount>(x, w, inverse_or_zero(best.scale()), nearest);
    if (!(sums.gain() > best.gain())) break;
    best = sums;
  }
  return best.scale();
}

// q = the level of each element at `scale`.
template <typename Nearest>
void store_group(const float* x, int count, float scale, const Nearest& nearest, int8_t* q) {
  const float inverse = inverse_or_zero(scale);
  for (int i = 0; i < count; ++i) q[i] = static_cast<int8_t>(nearest(x[i] * inverse));
}

// A block: the scale of group g is d * unit[g], unit[g] in [low, -low - 1].
template <int kGroups>
struct ScaledBlock {
  float d = 0;  // as F16 holds it, in the units of the sample
  int unit[kGroups] = {};

  float scale(int g) const { return d * static_cast<float>(unit[g]); }
};

// What a block costs, and the d that would suit its q and units best.
struct BlockCost {
  float loss = 0;
  float best_d = 0;
};

// Moves each group's unit to a neighbour where that is better.
template <int kGroups, int kElements, typename Nearest>
BlockCost polish(const Sample<kElements>& s, int low, const Nearest& nearest,
                 ScaledBlock<kGroups>& block) {
  constexpr int kCount = kElements / kGroups;
  BlockCost cost;
  float numerator = 0, denominator = 0;
  for (int g = 0; g < kGroups; ++g) {
    const int centre = block.unit[g];
    ScaleSums best_sums;
    float best = INFINITY;
    for (int u = std::max(centre - 1, low); u <= std::min(centre + 1, -low - 1); ++u) {
      const float scale = block.d * static_cast<float>(u);
      const ScaleSums sums =
          round_group<kCount>(s.x + g * kCount, s.w + g * kCount, inverse_or_zero(scale), nearest);
      const float loss = sums.loss(scale);
      if (!(loss < best)) continue;
      best = loss;
      best_sums = sums;
      block.unit[g] = u;
    }
    const auto unit = static_cast<float>(block.unit[g]);
    cost.loss += best;
    numerator += unit * best_sums.qx;
    denominator += unit * unit * best_sums.qq;
  }
  cost.best_d = denominator > 0 ? numerator / denominator : 0;
  return cost;
}

// Each group alone first; then the largest scale becomes each of `tops` units in turn, and units
// and d are fitted to each other.
template <int kGroups, int kElements, typename Nearest>
ScaledBlock<kGroups> fit_block(const Sample<kElements>& s, const Nearest& nearest,
                               std::span<const float> starts, int low,
                               std::span<const float> tops) {
  constexpr int kCount = kElements / kGroups;
  float scales[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    scales[g] = fit_group<kCount>(s.x + g * kCount, s.w + g * kCount, nearest, starts);
  }
  const float extreme = extreme_of(scales, kGroups);
  ScaledBlock<kGroups> best;
  float best_loss = 0;  // of zeros
  for (const float top : tops) {
    ScaledBlock<kGroups> block;
    block.d = s.rounded(extreme / top);
    if (block.d == 0) continue;
    for (int g = 0; g < kGroups; ++g) {
      const float unit =
          std::clamp(scales[g] / block.d, static_cast<float>(low), static_cast<float>(-low - 1));
      block.unit[g] = static_cast<int>(std::lround(unit));
    }
    for (int round = 0; round < 3; ++round) {
      const BlockCost cost = polish(s, low, nearest, block);
      if (!(cost.loss < best_loss)) break;
      best_loss = cost.loss;
      best = block;
      block.d = s.rounded(cost.best_d);
      if (block.d == best.d) break;
    }
  }
  return best;
}

}  // namespace hearth::fit
