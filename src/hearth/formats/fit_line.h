// Least squares for value = scale * q - min, q a whole number from 0: a group alone, and a block
// whose groups have scales and mins of d and dmin times small whole numbers (Q2_K, Q4_K, Q5_K).
#pragma once

#include <span>

#include "hearth/formats/fit.h"

namespace hearth::fit {

struct Line {
  float scale = 0, min = 0;
};

// Weighted sums over a group that was rounded to q.
struct LineSums {
  float w = 0, q = 0, qq = 0, x = 0, qx = 0;

  // Error less sum w x^2.
  float loss(const Line& line) const {
    return line.scale * (line.scale * qq - 2 * qx) + line.min * (line.min * w + 2 * x) -
           2 * line.scale * line.min * q;
  }
  // The best line for this q; with `min` held at >= 0 unless any is allowed.
  Line best(bool any_min) const {
    const float determinant = w * qq - q * q;
    if (determinant > 0) {
      const Line line{(w * qx - q * x) / determinant, (q * qx - qq * x) / determinant};
      if (any_min || line.min >= 0) return line;
    }
    return {qq > 0 ? std::max(qx / qq, 0.0f) : 0, 0};
  }
};

// The sums over a group that no rounding changes.
template <int kCount>
LineSums weigh_group(const float* x, const float* w) {
  Lanes sw{}, sx{};
  for (int i = 0; i < kCount; i += kLanes) {
    const Lanes weight = load_lanes(w + i);
    sw += weight;
    sx += weight * load_lanes(x + i);
  }
  return {sum_lanes(sw), 0, 0, sum_lanes(sx), 0};
}

// Rounds a group to the line; `fixed` has its weigh_group.
template <int kCount>
LineSums round_group(const float* x, const float* w, const LineSums& fixed, const Line& line,
                     float levels) {
  const float inverse = inverse_or_zero(line.scale);
  const Integers nearest{0, levels};
  Lanes sq{}, sqq{}, sqx{};
  for (int i = 0; i < kCount; i += kLanes) {
    const Lanes value = load_lanes(x + i);
    const Lanes q = nearest((value + line.min) * inverse);
    const Lanes wq = load_lanes(w + i) * q;
    sq += wq;
    sqq += wq * q;
    sqx += wq * value;
  }
  return {fixed.w, sum_lanes(sq), sum_lanes(sqq), fixed.x, sum_lanes(sqx)};
}

// q = the number of each element on the line.
inline void store_group(const float* x, int count, const Line& line, float levels, int8_t* q) {
  const float inverse = inverse_or_zero(line.scale);
  const Integers nearest{0, levels};
  for (int i = 0; i < count; ++i) q[i] = static_cast<int8_t>(nearest((x[i] + line.min) * inverse));
}

// The best line of a group. The ends of the range are moved inwards (or outwards) by each of
// `moves`, in steps between two q; the best outcome is rounded again with its own line while that
// helps.
template <int kCount>
Line fit_group(const float* x, const float* w, float levels, std::span<const float> moves,
               bool any_min) {
  const auto [lowest, highest] = std::minmax_element(x, x + kCount);
  const float low = any_min ? *lowest : std::min(*lowest, 0.0f);
  const float range = (any_min ? *highest : std::max(*highest, 0.0f)) - low;
  Line best{0, -low};
  if (!(range > 0)) return best;
  const LineSums fixed = weigh_group<kCount>(x, w);
  float best_loss = INFINITY;
  const auto attempt = [&](const Line& line) {
    const LineSums sums = round_group<kCount>(x, w, fixed, line, levels);
    const Line fitted = sums.best(any_min);
    const float loss = sums.loss(fitted);
    if (!(loss < best_loss)) return false;
    best_loss = loss;
    best = fitted;
    return true;
  };
  const float step = range / levels;
  for (const float from_low : moves) {
    const float min = -low - from_low * step;
    if (!any_min && min < 0) continue;
    for (const float from_high : moves) {
      attempt({(range - (from_low + from_high) * step) / levels, min});
    }
  }
  for (int round = 0; round < 3 && attempt(best); ++round) {
  }
  return best;
}

// A block: the line of group g is (d * scale[g], dmin * min[g]), both numbers in [0, most].
template <int kGroups>
struct LinedBlock {
  float d = 0, dmin = 0;  // as F16 holds them, in the units of the sample
  int scale[kGroups] = {}, min[kGroups] = {};

  Line line(int g) const {
    return {d * static_cast<float>(scale[g]), dmin * static_cast<float>(min[g])};
  }
};

// Sums over a block for its two factors: x ~ d * (scale q) - dmin * min.
struct FactorSums {
  float aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;

  void add(const LineSums& sums, float scale, float min) {
    aa += scale * scale * sums.qq;
    ab += scale * min * sums.q;
    bb += min * min * sums.w;
    ax += scale * sums.qx;
    bx += min * sums.x;
  }
  Line best() const {
    const float determinant = aa * bb - ab * ab;
    if (determinant > 0) {
      return {(ax * bb - bx * ab) / determinant, (ax * ab - bx * aa) / determinant};
    }
    return {aa > 0 ? ax / aa : 0, 0};
  }
};

// Moves the numbers of each group to neighbours: first by the sums of what is there, which costs
// nothing, then with q rounded anew. Returns the loss.
template <int kGroups, int kElements>
float polish(const Sample<kElements>& s, float levels, int most, LinedBlock<kGroups>& block,
             FactorSums& factors) {
  constexpr int kCount = kElements / kGroups;
  float loss = 0;
  for (int g = 0; g < kGroups; ++g) {
    const float* x = s.x + g * kCount;
    const float* w = s.w + g * kCount;
    const LineSums fixed = weigh_group<kCount>(x, w);
    LineSums sums = round_group<kCount>(x, w, fixed, block.line(g), levels);
    float best = sums.loss(block.line(g));
    for (int round = 0; round < 2; ++round) {
      int best_scale = block.scale[g], best_min = block.min[g];
      float promise = best;
      for (int u = std::max(block.scale[g] - 1, 0); u <= std::min(block.scale[g] + 1, most); ++u) {
        for (int m = std::max(block.min[g] - 1, 0); m <= std::min(block.min[g] + 1, most); ++m) {
          const Line line{block.d * static_cast<float>(u), block.dmin * static_cast<float>(m)};
          const float loss_there = sums.loss(line);
          if (!(loss_there < promise)) continue;
          promise = loss_there;
          best_scale = u;
          best_min = m;
        }
      }
      if (best_scale == block.scale[g] && best_min == block.min[g]) break;
      block.scale[g] = best_scale;
      block.min[g] = best_min;
      sums = round_group<kCount>(x, w, fixed, block.line(g), levels);
      best = sums.loss(block.line(g));
    }
    loss += best;
    factors.add(sums, static_cast<float>(block.scale[g]), static_cast<float>(block.min[g]));
  }
  return loss;
}

template <int kGroups, int kElements>
LinedBlock<kGroups> fit_block(const Sample<kElements>& s, float levels, int most,
                              std::span<const float> moves, std::span<const float> tops) {
  constexpr int kCount = kElements / kGroups;
  Line lines[kGroups];
  Line top;
  for (int g = 0; g < kGroups; ++g) {
    lines[g] = fit_group<kCount>(s.x + g * kCount, s.w + g * kCount, levels, moves, false);
    top.scale = std::max(top.scale, lines[g].scale);
    top.min = std::max(top.min, lines[g].min);
  }
  const auto units = [most](float value, float unit) {
    if (!(unit > 0)) return 0;
    return static_cast<int>(std::lround(std::min(value / unit, static_cast<float>(most))));
  };
  LinedBlock<kGroups> best;
  float best_loss = INFINITY;
  for (const float fraction : tops) {
    const float divisor = fraction * static_cast<float>(most);
    LinedBlock<kGroups> block;
    block.d = s.rounded(top.scale / divisor);
    block.dmin = s.rounded(top.min / divisor);
    for (int g = 0; g < kGroups; ++g) {
      block.scale[g] = units(lines[g].scale, block.d);
      block.min[g] = units(lines[g].min, block.dmin);
    }
    for (int round = 0; round < 3; ++round) {
      FactorSums factors;
      const float loss = polish(s, levels, most, block, factors);
      if (!(loss < best_loss)) break;
      best_loss = loss;
      best = block;
      const Line factor = factors.best();
      if (!(factor.scale >= 0 && factor.min >= 0)) break;
      block.d = s.rounded(factor.scale);
      block.dmin = s.rounded(factor.min);
    }
  }
  return best;
}

}  // namespace hearth::fit
