// The policy against machines whose step times are known: it drafts where that pays, by as much as
// pays, and nowhere else.
#include "hearth/engine/draft_policy.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>

namespace hearth {
namespace {

using Machine = std::function<double(int64_t rows)>;

int64_t chosen_of(std::span<const DraftPolicy::Candidate> candidates) {
  return std::accumulate(candidates.begin(), candidates.end(), int64_t{0},
                         [](int64_t n, const auto& c) { return n + c.drafts; });
}

// Drafts per step, after the policy has seen the machine for a while.
double drafts_of(const Machine& machine, double chance, int64_t sequences, int64_t at_hand = 8) {
  DraftPolicy policy;
  int64_t drafted = 0;
  constexpr int kSteps = 400;
  for (int step = 0; step < 2 * kSteps; ++step) {
    std::vector<DraftPolicy::Candidate> candidates(static_cast<size_t>(sequences),
                                                   {chance, at_hand});
    policy.choose(candidates);
    const int64_t n = chosen_of(candidates);
    policy.step_took(sequences + n, machine(sequences + n));
    if (step >= kSteps) drafted += n;
  }
  return static_cast<double>(drafted) / kSteps;
}

const Machine kMemoryBound = [](int64_t rows) { return 1 + 0.01 * static_cast<double>(rows); };
const Machine kComputeBound = [](int64_t rows) { return static_cast<double>(rows); };

TEST(DraftPolicy, TakesAllWhereRowsAreFreeAndGuessesGood) {
  EXPECT_GT(drafts_of(kMemoryBound, 0.95, 1), 7.5);
  EXPECT_GT(drafts_of(kMemoryBound, 0.95, 4), 30);
}

TEST(DraftPolicy, LeavesItWhereNothingIsGained) {
  // What is left are the looks at whether it is still so.
  EXPECT_LT(drafts_of(kMemoryBound, 0.005, 1), 0.05) << "guesses are wrong";
  EXPECT_LT(drafts_of(kComputeBound, 0.9, 1), 0.1) << "a row costs a whole step";
  EXPECT_LT(drafts_of(kComputeBound, 0.9, 16), 1.0);
}

TEST(DraftPolicy, NeverMoreThanAreAtHandOrThanAStepMayCarry) {
  DraftPolicy policy;
  std::vector<DraftPolicy::Candidate> candidates = {{0.99, 3}, {0.99, 0}, {0.5, 2}};
  policy.choose(candidates);
  EXPECT_LE(candidates[0].drafts, 3);
  EXPECT_EQ(candidates[1].drafts, 0);
  std::vector<DraftPolicy::Candidate> many(64, {0.99, 8});
  policy.choose(many);
  EXPECT_EQ(chosen_of(many), 0);
  std::vector<DraftPolicy::Candidate> too_many(100, {0.99, 8});
  policy.choose(too_many);
  EXPECT_EQ(chosen_of(too_many), 0);
}

// Against every number of drafts: none brings more tokens a second on a machine that is known.
TEST(DraftPolicy, ChoosesTheBestNumber) {
  const Machine machine = [](int64_t rows) {  // rows in tiles of four
    return 1 + 0.3 * static_cast<double>((rows + 3) / 4);
  };
  for (const double chance : {0.3, 0.6, 0.8, 0.9, 0.97}) {
    DraftPolicy policy;
    for (int64_t rows = 1; rows <= 9; ++rows) policy.step_took(rows, machine(rows));
    DraftPolicy::Candidate one{chance, 8};
    policy.choose({&one, 1});
    double tokens = 1;
    double power = 1;
    double best = 1 / machine(1);
    double taken = best;
    for (int64_t k = 1; k <= 8; ++k) {
      power *= chance;
      tokens += power;
      const double rate = tokens / machine(1 + k);
      best = std::max(best, rate);
      if (k == one.drafts) taken = rate;
    }
    EXPECT_GE(taken, best / 1.02) << chance;
  }
}

// A machine that got slower for many rows (another process, a deeper context) is noticed.
TEST(DraftPolicy, ForgetsWhatItKnewOfTheMachine) {
  DraftPolicy policy;
  int64_t late = 0;
  for (int step = 0; step < 2000; ++step) {
    DraftPolicy::Candidate one{0.9, 4};
    policy.choose({&one, 1});
    policy.step_took(1 + one.drafts,
                     step < 1000 ? kMemoryBound(1 + one.drafts) : kComputeBound(1 + one.drafts));
    if (step >= 1500) late += one.drafts;
  }
  EXPECT_LT(late, 50);
}

// Of a short answer: what is learned about the guesses and about the machine is paid in it.
TEST(Acceptance, GuessesThatAreAlwaysWrongAreSoonLeftAlone) {
  const Machine machine = [](int64_t rows) { return 1 + 0.1 * static_cast<double>(rows - 1); };
  DraftPolicy policy;
  Acceptance acceptance;
  double seconds = 0;
  constexpr int kTokens = 128;
  for (int step = 0; step < kTokens; ++step) {
    DraftPolicy::Candidate one{acceptance.chance(), 8};
    policy.choose({&one, 1});
    const double took = machine(1 + one.drafts);
    policy.step_took(1 + one.drafts, took);
    acceptance.observe(false);
    seconds += took;
  }
  EXPECT_LT(seconds, 1.02 * kTokens);
}

TEST(Acceptance, FollowsWhatItSees) {
  Acceptance a;
  for (int i = 0; i < 100; ++i) a.observe(true);
  EXPECT_GT(a.chance(), 0.99);
  for (int i = 0; i < 100; ++i) a.observe(false);
  EXPECT_LT(a.chance(), 0.01);
}

}  // namespace
}  // namespace hearth
