// Groups of the IQ2 and IQ3 formats rounded to points of magnitudes with signs beside them, and the
// encoder that those formats share.
#pragma once

#include <span>

#include "hearth/formats/f16/f16.h"
#include "hearth/formats/fit_odd.h"
#include "hearth/formats/grids/grid_search.h"

namespace hearth {

// The magnitudes and signs of a block, eight elements to a byte of signs.
template <int kElements>
struct SignedBlock {
  float magnitude[kElements];  // negative where the stored sign is not the element's own
  uint8_t signs[kElements / 8];

  // With `even` the number of negatives of a byte must be even: where it is odd, the element whose
  // sign costs the least takes the wrong one.
  SignedBlock(const fit::Sample<kElements>& s, bool even) {
    for (int b = 0; b < kElements / 8; ++b) {
      const float* x = s.x + b * 8;
      uint32_t negative = 0;
      for (uint32_t i = 0; i < 8; ++i) {
        magnitude[b * 8 + static_cast<int>(i)] = std::abs(x[i]);
        negative |= (x[i] < 0 ? 1u : 0u) << i;
      }
      if (even && std::popcount(negative) % 2 != 0) {
        const int cheapest = cheapest_sign(x, s.w + b * 8);
        negative ^= 1u << cheapest;
        magnitude[b * 8 + cheapest] *= -1;
      }
      signs[b] = static_cast<uint8_t>(negative);
    }
  }

 private:
  static int cheapest_sign(const float* x, const float* w) {
    int best = 0;
    for (int i = 1; i < 8; ++i) {
      if (w[i] * x[i] * x[i] < w[best] * x[best] * x[best]) best = i;
    }
    return best;
  }
};

// Rounds `count` elements at `scale`; the indices of the points go to `points` if it is not null.
template <size_t kDims, size_t kLevels, size_t kPoints>
fit::ScaleSums round_to_grid(const GridSearch<kDims, kLevels, kPoints>& search,
                             const float* magnitude, const float* w, int count, float scale,
                             uint16_t* points) {
  fit::ScaleSums sums;
  for (int begin = 0; begin < count; begin += static_cast<int>(kDims)) {
    const float* m = magnitude + begin;
    float cost[kDims][kLevels];
    for (size_t i = 0; i < kDims; ++i) {
      for (size_t l = 0; l < kLevels; ++l) {
        const float diff = scale * static_cast<float>(search.level(l)) - m[i];
        cost[i][l] = w[begin + static_cast<int>(i)] * diff * diff;
      }
    }
    const size_t index = search.nearest(cost);
    if (points != nullptr) *points++ = static_cast<uint16_t>(index);
    for (size_t i = 0; i < kDims; ++i) {
      const auto q = static_cast<float>(search.point(index)[i]);
      const float wq = w[begin + static_cast<int>(i)] * q;
      sums.qx += wq * m[i];
      sums.qq += wq * q;
    }
  }
  return sums;
}

// What differs between the formats' scales.
struct GridScales {
  float factor;                   // d of fit_odd.h over the d that the block stores
  int most;                       // largest group scale
  std::span<const float> starts;  // see fit_group
  bool even;                      // whether each eight signs hold an even number of negatives
};

// The encoder of a format with signed points: finds the scales, writes d, and hands each group to
// store(g, unit, points [kGroup / kDims], signs [kGroup / 8]), which adds it to the zeroed block.
template <typename Codec, size_t kDims, size_t kLevels, size_t kPoints, typename Store>
void encode_signed_points(const GridSearch<kDims, kLevels, kPoints>& search,
                          const GridScales& scales, const float* in, const float* importance,
                          typename Codec::Block& block, const Store& store) {
  constexpr int kElements = Codec::kElements, kGroup = Codec::kGroup;
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  const SignedBlock<kElements> m(s, scales.even);
  const auto round_group = [&](int g, float scale, uint16_t* points) {
    const int at = g * kGroup;
    return round_to_grid(search, m.magnitude + at, s.w + at, kGroup, scale, points);
  };
  const auto best = fit::fit_odd_block<kElements / kGroup>(
      s, scales.factor, scales.most, scales.starts,
      [&](int g, float scale) { return round_group(g, scale, nullptr); });
  block.d = s.stored(best.d / scales.factor);
  for (int g = 0; g < kElements / kGroup; ++g) {
    uint16_t points[kGroup / static_cast<int>(kDims)];
    round_group(g, best.scale(g), points);
    store(g, best.unit[g], points, m.signs + g * kGroup / 8);
  }
}

}  // namespace hearth
