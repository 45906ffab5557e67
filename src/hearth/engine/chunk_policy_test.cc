// Where the policy arrives on machines of known costs.
#include "hearth/engine/chunk_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

namespace hearth {
namespace {

using Cost = std::function<double(int64_t rows)>;  // seconds of a step

// What the policy chooses mostly on a machine, in the last half of so many steps.
int64_t settle(ChunkPolicy& policy, const Cost& cost, int steps = 100) {
  std::map<int64_t, int> chosen;
  for (int i = 0; i < steps; ++i) {
    if (i >= steps / 2) ++chosen[policy.rows()];
    const int64_t rows = policy.rows() + 7;  // seven that generate
    policy.step_took(rows, cost(rows));
  }
  const auto most = std::ranges::max_element(chosen, {}, [](const auto& c) { return c.second; });
  return most->first;
}

double linear(int64_t rows) {
  return 0.02 + 0.005 * static_cast<double>(rows);
}

TEST(ChunkPolicy, CutsAStepThatIsTooLong) {
  ChunkPolicy policy(512, 0.5);
  EXPECT_EQ(policy.rows(), 128);
  EXPECT_EQ(settle(policy, linear), 64);  // 0.375 s; 128 take 0.695 s
}

TEST(ChunkPolicy, TakesAllThatAFastMachineCanDo) {
  ChunkPolicy policy(512, 0.5);
  EXPECT_EQ(settle(policy, [](int64_t rows) { return 0.0001 * static_cast<double>(rows); }), 512);
}

TEST(ChunkPolicy, WithoutABoundThereIsNone) {
  ChunkPolicy policy(300, 0);
  EXPECT_EQ(policy.rows(), 300);
  EXPECT_EQ(settle(policy, [](int64_t) { return 100.0; }), 300);
}

// Weights that each step reads anew: smaller steps would only make it worse for everybody.
TEST(ChunkPolicy, LeavesStepsLongWhereRowsWouldCostMuchMore) {
  const Cost reads_all = [](int64_t rows) { return 4 + 0.001 * static_cast<double>(rows); };
  ChunkPolicy policy(512, 0.5);
  policy.step_took(512, reads_all(512));  // a prompt alone
  EXPECT_EQ(settle(policy, reads_all), 512);
}

// No more than a quarter is lost in all, however many halvings there are.
TEST(ChunkPolicy, TheLossIsBoundedInAll) {
  const Cost each_half_costs = [](int64_t rows) {
    double seconds_per_row = 0.01;
    for (int64_t size = rows; size < 450; size *= 2) seconds_per_row *= 1.15;
    return seconds_per_row * static_cast<double>(rows);
  };
  ChunkPolicy policy(512, 0.5);
  policy.step_took(512, each_half_costs(512));
  EXPECT_EQ(settle(policy, each_half_costs), 256);
}

// A machine that gets warm and slow, and cool again.
TEST(ChunkPolicy, FollowsAMachineThatChanges) {
  ChunkPolicy policy(512, 0.5);
  policy.step_took(512, linear(512));
  ASSERT_EQ(settle(policy, linear), 64);
  // Sizes that were measured before it got slow may make smaller ones look dear for a while.
  EXPECT_LE(settle(
                policy, [](int64_t rows) { return 2 * linear(rows); }, 300),
            128);
  EXPECT_EQ(settle(policy, linear, 300), 64);
}

TEST(ChunkPolicy, SmallStepsAreAsTheyAre) {
  for (const int64_t rows_max : {1, 2, 31, 63}) {
    ChunkPolicy policy(rows_max, 1e-9);
    EXPECT_EQ(policy.rows(), rows_max);
    EXPECT_EQ(settle(policy, linear), rows_max);
  }
}

}  // namespace
}  // namespace hearth
