// Groups of the IQ1 formats rounded to points of -1, 0 and 1 that are moved by +-1/8.
#pragma once

#include "hearth/formats/fit_odd.h"
#include "hearth/formats/grids/grid_search.h"

namespace hearth {

inline constexpr float kIq1Delta = 0.125f;

// The largest group scale, and where the search of one begins, times the largest magnitude.
inline constexpr int kIq1Most = 7;
inline constexpr float kIq1Starts[] = {0.35f, 0.46f, 0.57f, 0.7f};

struct TernaryPoint {
  uint16_t index = 0;
  fit::ScaleSums sums;
};

// Eight elements at `scale`, rounded to the points moved by `delta`.
inline TernaryPoint round_to_ternary(const float* x, const float* w, float scale, float delta) {
  static const GridSearch<8, 3, 2048> search(kIq1Grid, kIq1Levels);
  float cost[8][3];
  for (int i = 0; i < 8; ++i) {
    for (int l = 0; l < 3; ++l) {
      const float diff = scale * (static_cast<float>(l - 1) + delta) - x[i];
      cost[i][l] = w[i] * diff * diff;
    }
  }
  TernaryPoint point;
  const size_t index = search.nearest(cost);
  point.index = static_cast<uint16_t>(index);
  for (size_t i = 0; i < 8; ++i) {
    const float q = static_cast<float>(search.point(index)[i]) + delta;
    point.sums.qx += w[i] * q * x[i];
    point.sums.qq += w[i] * q * q;
  }
  return point;
}

inline void add(const fit::ScaleSums& part, fit::ScaleSums& sums) {
  sums.qx += part.qx;
  sums.qq += part.qq;
}

}  // namespace hearth
