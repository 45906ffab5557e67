// Wilson intervals against values from published tables.
#include "hearth/eval/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace hearth {
namespace {

TEST(Wilson, KnownIntervals) {
  EXPECT_NEAR(wilson95(0, 10).high, 0.2775, 1e-4);
  EXPECT_NEAR(wilson95(5, 10).low, 0.2366, 1e-4);
  EXPECT_NEAR(wilson95(5, 10).high, 0.7634, 1e-4);
  EXPECT_NEAR(wilson95(81, 263).low, 0.2553, 1e-4);  // Newcombe 1998, table I
  EXPECT_NEAR(wilson95(81, 263).high, 0.3662, 1e-4);
  EXPECT_EQ(wilson95(0, 0).high, 1);
}

// Twice the binomial tail, worked out in whole numbers.
TEST(McNemar, ExactTwoSidedP) {
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
  EXPECT_EQ(mcnemar_exact(5, 5), 1);
  EXPECT_DOUBLE_EQ(mcnemar_exact(0, 5), 0.0625);
  EXPECT_DOUBLE_EQ(mcnemar_exact(5, 0), 0.0625);
  EXPECT_NEAR(mcnemar_exact(2, 10), 0.0385742, 1e-7);
  EXPECT_NEAR(mcnemar_exact(1000, 1100), 0.030720708, 1e-9);
}

TEST(Bootstrap, IntervalsOfMeans) {
  const std::vector<double> same(20, 0.5);
  EXPECT_EQ(bootstrap95_of_mean(same).low, 0.5);
  EXPECT_EQ(bootstrap95_of_mean(same).high, 0.5);
  // Of many coin tosses it is the normal interval: 0.5 -+ 1.96 * 0.5 / sqrt(n).
  std::vector<double> tosses(400);
  for (size_t i = 0; i < tosses.size(); ++i) tosses[i] = i % 2 == 0 ? 1 : 0;
  const Interval ci = bootstrap95_of_mean(tosses);
  EXPECT_NEAR(ci.low, 0.451, 0.004);
  EXPECT_NEAR(ci.high, 0.549, 0.004);
}

// Places are drawn from all of them, as many as there are, and the interval is that of the scores.
TEST(Bootstrap, OfAScoreOfAllItems) {
  std::vector<int> drawn(7, 0);
  const Interval ci = bootstrap95(7, 1000, [&](std::span<const size_t> places) {
    EXPECT_EQ(places.size(), 7u);
    for (const size_t place : places) ++drawn[place];
    return static_cast<double>(places.front());
  });
  for (const int times : drawn) EXPECT_NEAR(times, 1000, 120);
  EXPECT_EQ(ci.low, 0);
  EXPECT_EQ(ci.high, 6);
}

}  // namespace
}  // namespace hearth
