// The search finds what a walk over all points finds; signs and their parity.
#include "hearth/formats/grids/grid_search.h"

#include <gtest/gtest.h>

#include <random>

#include "hearth/formats/grids/grid_rounding.h"

namespace hearth {
namespace {

template <size_t kDims, size_t kLevels, size_t kPoints>
void expect_exact(const IqGrid<kDims, kPoints>& grid, const std::array<int8_t, kLevels>& levels) {
  const GridSearch<kDims, kLevels, kPoints> search(grid, levels);
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(0, 1);
  for (int round = 0; round < 200; ++round) {
    float cost[kDims][kLevels];
    for (auto& row : cost) {
      for (float& c : row) c = uniform(random);
    }
    const auto total = [&](size_t p) {
      float sum = 0;
      for (size_t i = 0; i < kDims; ++i) {
        const auto at = std::find(levels.begin(), levels.end(), grid[p][i]);
        sum += cost[i][at - levels.begin()];
      }
      return sum;
    };
    float best = INFINITY;
    for (size_t p = 0; p < kPoints; ++p) best = std::min(best, total(p));
    ASSERT_NEAR(total(search.nearest(cost)), best, 1e-5f);
  }
}

TEST(GridSearch, FindsTheNearestPoint) {
  expect_exact(kIq2XxsGrid, kIq2Levels);
  expect_exact(kIq2XsGrid, kIq2Levels);
  expect_exact(kIq2SGrid, kIq2Levels);
  expect_exact(kIq3XxsGrid, kIq3XxsLevels);
  expect_exact(kIq3SGrid, kIq3SLevels);
  expect_exact(kIq1Grid, kIq1Levels);
}

TEST(SignedBlock, KeepsTheParityAtTheLeastCost) {
  fit::Sample<32> s;
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 32; ++i) {
    s.x[i] = normal(random);
    s.w[i] = 1;
  }
  const SignedBlock<32> own(s, false), even(s, true);
  for (int b = 0; b < 4; ++b) {
    EXPECT_EQ(with_parity(even.signs[b] & 127u), even.signs[b]);
    EXPECT_LE(std::popcount(static_cast<unsigned>(own.signs[b] ^ even.signs[b])), 1);
    for (int i = b * 8; i < b * 8 + 8; ++i) {
      EXPECT_EQ((own.signs[b] >> (i % 8) & 1) != 0, s.x[i] < 0);
      const bool negative = (even.signs[b] >> (i % 8) & 1) != 0;
      EXPECT_EQ(even.magnitude[i] * (negative ? -1 : 1), s.x[i]);
    }
  }
}

}  // namespace
}  // namespace hearth
