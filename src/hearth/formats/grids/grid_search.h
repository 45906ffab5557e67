// The point of a grid with the smallest weighted distance, exactly. A point is two halves, each of
// few combinations of levels: the distances of all halves are tabled first, a whole point then
// costs one addition, and points whose second half alone is too far are passed over as one.
#pragma once

#include <algorithm>
#include <cmath>

#include "hearth/formats/grids/iq_grids.h"

namespace hearth {

template <size_t kDims, size_t kLevels, size_t kPoints>
class GridSearch {
 public:
  // cost[i][l]: what level l costs at coordinate i, at least 0.
  using Costs = float[kDims][kLevels];

  GridSearch(const IqGrid<kDims, kPoints>& grid, const std::array<int8_t, kLevels>& levels)
      : grid_(grid), levels_(levels) {
    for (size_t p = 0; p < kPoints; ++p) {
      first_half_[p] = static_cast<uint8_t>(code(grid[p], 0));
      ++end_[code(grid[p], kHalf)];
    }
    for (size_t h = 1; h < kHalves; ++h) end_[h] = static_cast<uint16_t>(end_[h] + end_[h - 1]);
  }

  const std::array<int8_t, kDims>& point(size_t index) const { return grid_[index]; }
  int8_t level(size_t index) const { return levels_[index]; }

  size_t nearest(const Costs& cost) const {
    float first[kHalves], second[kHalves];
    add_up(cost, first);
    add_up(cost + kHalf, second);
    const float least = first[cheapest(cost)];
    Found found;
    // The nearest second half first: it makes most of the others hopeless.
    const size_t start = cheapest(cost + kHalf);
    scan(start, first, second[start], found);
    for (size_t h = 0; h < kHalves; ++h) {
      if (second[h] + least < found.cost) scan(h, first, second[h], found);
    }
    return found.point;
  }

 private:
  static constexpr size_t kHalf = kDims / 2;
  static constexpr size_t kHalves = kDims == 8 ? 81 : 64;  // kLevels ^ kHalf
  static_assert(kDims == 8 ? kLevels == 3 : kLevels == 8);

  struct Found {
    float cost = INFINITY;
    size_t point = 0;
  };

  // Which of the combinations the half from coordinate `begin` on is; the last counts most.
  size_t code(const std::array<int8_t, kDims>& point, size_t begin) const {
    size_t number = 0;
    for (size_t i = kHalf; i-- > 0;) {
      const auto at = std::find(levels_.begin(), levels_.end(), point[begin + i]);
      number = number * kLevels + static_cast<size_t>(at - levels_.begin());
    }
    return number;
  }

  // The cheapest combination of a half.
  static size_t cheapest(const float (*cost)[kLevels]) {
    size_t number = 0;
    for (size_t i = kHalf; i-- > 0;) {
      size_t best = 0;
      for (size_t l = 1; l < kLevels; ++l) best = cost[i][l] < cost[i][best] ? l : best;
      number = number * kLevels + best;
    }
    return number;
  }

  static void add_up(const float (*cost)[kLevels], float* sums) {
    sums[0] = 0;
    size_t count = 1;
    for (size_t i = 0; i < kHalf; ++i) {
      for (size_t l = kLevels; l-- > 0;) {
        for (size_t c = 0; c < count; ++c) sums[l * count + c] = sums[c] + cost[i][l];
      }
      count *= kLevels;
    }
  }

  void scan(size_t half, const float* first, float second, Found& found) const {
    for (size_t p = half == 0 ? 0 : end_[half - 1]; p < end_[half]; ++p) {
      const float cost = second + first[first_half_[p]];
      if (!(cost < found.cost)) continue;
      found.cost = cost;
      found.point = p;
    }
  }

  const IqGrid<kDims, kPoints>& grid_;
  std::array<int8_t, kLevels> levels_;
  uint8_t first_half_[kPoints] = {};
  uint16_t end_[kHalves] = {};  // of the points with each second half
};

}  // namespace hearth
