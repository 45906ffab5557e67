// Where the policy arrives on machines of known costs.
#include "hearth/engine/chunk_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

namespace hearth {
namespace {

using Cost = std::function<double(int64_t rows)>;  // seconds of a step

// What the policy chooses mostly on a machine, in the last half of so many steps, each of them with
// so many rows of answers.
int64_t settle(ChunkPolicy& policy, const Cost& cost, int steps = 100, int64_t answers = 7) {
  std::map<int64_t, int> chosen;
  const double alone = answers == 0 ? 0 : cost(answers);
  for (int i = 0; i < steps; ++i) {
    const int64_t rows = policy.rows(alone);
    if (i >= steps / 2) ++chosen[rows];
    policy.chunks_took(rows, cost(rows + answers) - alone);
  }
  const auto most = std::ranges::max_element(chosen, {}, [](const auto& c) { return c.second; });
  return most->first;
}

double linear(int64_t rows) {
  return 0.02 + 0.005 * static_cast<double>(rows);
}

TEST(ChunkPolicy, CutsAStepThatIsTooLong) {
  ChunkPolicy policy(512, 0.5);
  EXPECT_EQ(policy.rows(0), 128);
  EXPECT_EQ(settle(policy, linear), 64);  // 0.375 s; with 128 0.695 s
}

TEST(ChunkPolicy, TakesAllThatAFastMachineCanDo) {
  ChunkPolicy policy(512, 0.5);
  EXPECT_EQ(settle(policy, [](int64_t rows) { return 0.0001 * static_cast<double>(rows); }), 512);
}

TEST(ChunkPolicy, WithoutABoundThereIsNone) {
  ChunkPolicy policy(300, 0);
  EXPECT_EQ(policy.rows(0), 300);
  EXPECT_EQ(settle(policy, [](int64_t) { return 100.0; }), 300);
}

// Experts that more rows read anyway: smaller steps would only make it worse for everybody.
TEST(ChunkPolicy, LeavesStepsLongWhereRowsWouldCostMuchMore) {
  const Cost experts = [](int64_t rows) {
    const auto n = static_cast<double>(rows);
    return 4 * (1 - std::pow(1 - 8.0 / 256, n)) + 0.001 * n;
  };
  ChunkPolicy policy(512, 0.5);
  policy.chunks_took(512, experts(512));  // a prompt alone
  EXPECT_EQ(settle(policy, experts), 512);
}

// Answers have read all weights already: a few rows more cost next to nothing, however many more
// they would cost alone.
TEST(ChunkPolicy, WhatAnswersReadIsFree) {
  const Cost reads_all = [](int64_t rows) { return 0.1 + 0.001 * static_cast<double>(rows); };
  ChunkPolicy policy(512, 0.15);
  policy.chunks_took(512, reads_all(512));
  EXPECT_EQ(settle(policy, reads_all), 64);  // most: 0.107 s; 128 are 0.128
}

// Where answers are slow, prompts are not starved for the sake of a bound that can't be kept.
TEST(ChunkPolicy, PromptsMayTakeAsLongAsAnswersDo) {
  const Cost slow = [](int64_t rows) { return 2 + 0.01 * static_cast<double>(rows); };
  ChunkPolicy policy(512, 0.25);
  EXPECT_EQ(settle(policy, slow), 128);  // 2.07 s; 256 would be 2.56
}

// It takes a step or two, not one for each halving.
TEST(ChunkPolicy, SettlesAtOnce) {
  ChunkPolicy policy(512, 0.25);
  policy.chunks_took(512, linear(512));
  EXPECT_EQ(policy.rows(linear(7)), 32);
}

// No more than a third of the speed is lost in all, however many halvings there are.
TEST(ChunkPolicy, TheLossIsBoundedInAll) {
  const Cost each_half_costs = [](int64_t rows) {
    double seconds_per_row = 0.01;
    for (int64_t size = rows; size < 450; size *= 2) seconds_per_row *= 1.15;
    return seconds_per_row * static_cast<double>(rows);
  };
  ChunkPolicy policy(512, 0.5);
  policy.chunks_took(512, each_half_costs(512));
  EXPECT_EQ(settle(policy, each_half_costs, 100, 0), 128);  // 1.32; 64 cost 1.52 times as much
}

// A machine that gets warm and slow, and cool again. What sizes cost before it got slow doesn't
// make smaller ones look dear: steps don't grow when they should shrink.
TEST(ChunkPolicy, FollowsAMachineThatChanges) {
  ChunkPolicy policy(512, 0.5);
  policy.chunks_took(512, linear(512));
  ASSERT_EQ(settle(policy, linear), 64);
  const Cost slow = [](int64_t rows) { return 2.5 * linear(rows); };
  for (int i = 0; i < 20; ++i) {
    const int64_t rows = policy.rows(linear(7));  // as known before
    ASSERT_LE(rows, 64);
    policy.chunks_took(rows, slow(rows + 7) - linear(7));
  }
  EXPECT_EQ(settle(policy, slow, 300), 16);  // 0.138 s and 0.2 s; the machine's half second: 0.36
  EXPECT_EQ(settle(policy, linear, 300), 64);
}

TEST(ChunkPolicy, SmallStepsAreAsTheyAre) {
  for (const int64_t rows_max : {1, 2, 15, 31}) {
    ChunkPolicy policy(rows_max, 1e-9);
    EXPECT_EQ(policy.rows(0), rows_max);
    EXPECT_EQ(settle(policy, linear), rows_max);
  }
}

}  // namespace
}  // namespace hearth
