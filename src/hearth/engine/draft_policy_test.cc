// The policy against machines whose step times are known: it drafts where that pays, by as much as
// pays, and nowhere else.
#include "hearth/engine/draft_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <utility>

namespace hearth {
namespace {

using Machine = std::function<double(int64_t rows)>;

int64_t chosen_of(std::span<const DraftPolicy::Candidate> candidates) {
  return std::accumulate(candidates.begin(), candidates.end(), int64_t{0},
                         [](int64_t n, const auto& c) { return n + c.drafts; });
}

// Nothing is believed that was seen once.
void learn_steps(DraftPolicy& policy, int64_t rows_max, const Machine& machine) {
  for (int i = 0; i < 2; ++i) {
    for (int64_t rows = 1; rows <= rows_max; ++rows) policy.step_took(rows, machine(rows));
  }
}

void learn_round(DraftPolicy& policy, double seconds) {
  for (int i = 0; i < 2; ++i) policy.round_took(seconds);
}

// Drafts per step, after the policy has seen the machine for a while.
double drafts_of(const Machine& machine, double chance, int64_t sequences, int64_t at_hand = 8) {
  DraftPolicy policy;
  int64_t drafted = 0;
  constexpr int kSteps = 400;
  for (int step = 0; step < 2 * kSteps; ++step) {
    std::vector<DraftPolicy::Candidate> candidates(static_cast<size_t>(sequences),
                                                   {Acceptance(chance), at_hand});
    policy.choose(candidates);
    const int64_t n = chosen_of(candidates);
    policy.step_took(sequences + n, machine(sequences + n));
    if (step >= kSteps) drafted += n;
  }
  return static_cast<double>(drafted) / kSteps;
}

// Tokens a second of a sequence with `k` guesses that are right at `chance`, each made in `round`.
double rate_of(const Machine& machine, double chance, double round, int64_t k) {
  double tokens = 1;
  for (int64_t i = 1; i <= k; ++i) tokens += std::pow(chance, i);
  return tokens / (machine(1 + k) + static_cast<double>(k) * round);
}

double best_rate(const Machine& machine, double chance, double round) {
  double best = 0;
  for (int64_t k = 0; k <= 8; ++k) best = std::max(best, rate_of(machine, chance, round, k));
  return best;
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
  std::vector<DraftPolicy::Candidate> candidates = {
      {Acceptance(0.99), 3}, {Acceptance(0.99), 0}, {Acceptance(0.5), 2}};
  policy.choose(candidates);
  EXPECT_LE(candidates[0].drafts, 3);
  EXPECT_EQ(candidates[1].drafts, 0);
  std::vector<DraftPolicy::Candidate> many(64, {Acceptance(0.99), 8});
  policy.choose(many);
  EXPECT_EQ(chosen_of(many), 0);
  std::vector<DraftPolicy::Candidate> too_many(100, {Acceptance(0.99), 8});
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
    learn_steps(policy, 9, machine);
    DraftPolicy::Candidate one{Acceptance(chance), 8};
    policy.choose({&one, 1});
    EXPECT_GE(rate_of(machine, chance, 0, one.drafts), best_rate(machine, chance, 0) / 1.02)
        << chance;
  }
}

// What guessing gained, against the clock of a machine that is known.
TEST(DraftPolicy, TellsItsGain) {
  const Machine machine = [](int64_t rows) { return 1 + 0.1 * static_cast<double>(rows); };
  DraftPolicy policy;
  learn_steps(policy, 9, machine);
  constexpr double kRound = 0.05, kFollowing = 0.02, kDraw = 0.01;
  learn_round(policy, kRound);
  for (int i = 0; i < 2; ++i) policy.following_took(kFollowing);
  for (int i = 0; i < 2; ++i) policy.draw_took(kDraw);
  double tokens = 0, seconds = 0;
  for (int step = 0; step < 50; ++step) {
    std::vector<DraftPolicy::Candidate> pair(2, {Acceptance(0.95), 3});
    policy.choose(pair);
    const int64_t guesses = chosen_of(pair), right = step % 2 == 0 ? guesses : 0;
    policy.step_took(2 + guesses, machine(2 + guesses));
    policy.step_brought(2, guesses, right);
    if (guesses == 0) continue;  // a look at what plain steps take
    tokens += 2 + static_cast<double>(right);
    const int64_t rounds = std::max(pair[0].drafts, pair[1].drafts);
    seconds += machine(2 + guesses) + kRound * static_cast<double>(rounds);
  }
  EXPECT_GT(tokens, 100);
  const double draws = tokens * kDraw;
  EXPECT_NEAR(policy.forecasts().guessing_seconds, seconds + draws, 1e-9);
  const double plain = machine(2) + kFollowing;
  EXPECT_NEAR(policy.forecasts().plain_seconds, tokens / 2 * plain + draws, 1e-9);
}

// Guesses that cost something are made where they bring more than that.
TEST(DraftPolicy, CountsWhatGuessesCost) {
  for (const double round : {0.02, 0.1, 0.3, 0.8, 2.0}) {
    SCOPED_TRACE(round);
    DraftPolicy policy;
    learn_steps(policy, 9, kMemoryBound);
    learn_round(policy, round);
    DraftPolicy::Candidate one{Acceptance(0.8), 8};
    policy.choose({&one, 1});
    EXPECT_GE(rate_of(kMemoryBound, 0.8, round, one.drafts),
              best_rate(kMemoryBound, 0.8, round) / 1.02);
    if (round > 1) {
      EXPECT_EQ(one.drafts, 0) << "a guess that costs two steps can't pay";
    } else if (round < 0.1) {
      EXPECT_GT(one.drafts, 3);
    }
  }
}

// Where guesses are made from the first step on, what a step without one takes is found out, too.
TEST(DraftPolicy, TriesStepsWithoutGuesses) {
  DraftPolicy policy;
  int64_t drafted = 0;
  for (int step = 0; step < 100; ++step) {
    DraftPolicy::Candidate one{Acceptance(0.05), 1};
    policy.choose({&one, 1});
    policy.step_took(1 + one.drafts, 0.004 * kMemoryBound(1 + one.drafts));
    policy.round_took(0.001);
    drafted += one.drafts;
  }
  EXPECT_LT(drafted, 5);
}

// The first step of a size and the first round of guesses run on cold memory and tell nothing.
// What answers take beside prompts is told only when some step has shown it.
TEST(DraftPolicy, KnownCostIsNothingBeforeAnythingRan) {
  DraftPolicy policy;
  EXPECT_EQ(policy.known_cost(0), 0);
  EXPECT_EQ(policy.known_cost(8), 0);
  for (int i = 0; i < 5; ++i) policy.step_took(8, 0.25);
  EXPECT_EQ(policy.known_cost(0), 0);
  EXPECT_DOUBLE_EQ(policy.known_cost(8), 0.25);
  EXPECT_LE(policy.known_cost(4), 0.25);
  EXPECT_GE(policy.known_cost(16), 0.25);
}

TEST(DraftPolicy, AColdStartIsNotBelieved) {
  DraftPolicy policy;
  std::array<int, 10> seen = {};
  int64_t drafted = 0;
  bool first_round = true;
  for (int step = 0; step < 100; ++step) {
    DraftPolicy::Candidate one{Acceptance(0.9), 1};
    policy.choose({&one, 1});
    const int64_t rows = 1 + one.drafts;
    policy.step_took(rows, (seen[static_cast<size_t>(rows)]++ == 0 ? 4 : 1) * kMemoryBound(rows));
    if (one.drafts > 0) policy.round_took(std::exchange(first_round, false) ? 5 : 0.2);
    drafted += one.drafts;
  }
  EXPECT_GT(drafted, 90);
}

// The network of a drafter reads along even where it doesn't guess: guesses that cost little more
// than that are made, although they cost as much as they bring.
TEST(DraftPolicy, CountsWhatNotGuessingCosts) {
  DraftPolicy policy;
  learn_steps(policy, 9, kMemoryBound);
  learn_round(policy, 0.9);
  DraftPolicy::Candidate one{Acceptance(0.8), 1};
  policy.choose({&one, 1});
  EXPECT_EQ(one.drafts, 0);
  for (int i = 0; i < 2; ++i) policy.following_took(0.8);
  one.drafts = 1;
  policy.choose({&one, 1});
  EXPECT_EQ(one.drafts, 1);
}

// What guessing gains in answers of 128 tokens, from their first step on, by a policy that knows
// nothing: the time of plain steps over that of the steps that it chose.
class ShortAnswers {
 public:
  // `by_matches`: repetitions of two to eight tokens speak for the guesses, in turn.
  ShortAnswers(const Machine& machine, double chance, int64_t answers, int64_t tokens = 128,
               bool by_matches = false)
      : machine_(machine),
        is_right_(chance),
        left_(static_cast<size_t>(answers), tokens),
        by_matches_(by_matches) {
    acceptances_.resize(left_.size());
  }

  double gain() {
    while (std::ranges::any_of(left_, [](int64_t n) { return n > 0; })) step();
    return plain_ / seconds_;
  }
  double seconds() const { return seconds_; }

 private:
  void step() {
    std::vector<DraftPolicy::Candidate> candidates;
    std::vector<size_t> of;
    for (size_t i = 0; i < left_.size(); ++i) {
      if (left_[i] <= 0) continue;
      if (by_matches_) acceptances_[i].behind(2 + left_[i] % 7);
      candidates.push_back({acceptances_[i], std::min<int64_t>(8, left_[i] - 1)});
      of.push_back(i);
    }
    policy_.choose(candidates);
    const auto rows = static_cast<int64_t>(candidates.size());
    const double took = machine_(rows + chosen_of(candidates));
    policy_.step_took(rows + chosen_of(candidates), took);
    seconds_ += took;
    int64_t right = 0;
    for (size_t k = 0; k < candidates.size(); ++k) right += check(of[k], candidates[k].drafts);
    plain_ += machine_(rows) * static_cast<double>(rows + right) / static_cast<double>(rows);
    policy_.step_brought(rows, chosen_of(candidates), right);
  }

  // Of so many guesses, those that are right; the first is seen whether it was checked or not.
  int64_t check(size_t answer, int64_t drafts) {
    int64_t right = 0;
    for (bool goes_on = seen(answer, 0); goes_on && right < drafts; goes_on = seen(answer, right)) {
      if (++right == drafts) break;
    }
    left_[answer] -= 1 + right;
    return right;
  }
  bool seen(size_t answer, int64_t guess) {
    const bool right = is_right_(random_);
    acceptances_[answer].observe(right, guess);
    return right;
  }

  const Machine& machine_;
  std::bernoulli_distribution is_right_;
  std::vector<int64_t> left_;  // tokens of each answer
  bool by_matches_;
  std::vector<Acceptance> acceptances_;
  DraftPolicy policy_;
  std::mt19937 random_{3};
  double seconds_ = 0, plain_ = 0;
};

// Like the 1.5B on two cores: a step of few rows reads weights, one of many computes.
const Machine kBoth = [](int64_t rows) {
  return std::max(1.0, 0.7 + 0.21 * static_cast<double>(rows));
};
const Machine kTiles = [](int64_t rows) { return 1 + 0.3 * static_cast<double>((rows + 3) / 4); };

TEST(DraftPolicy, NeverMakesShortAnswersSlower) {
  for (const Machine& machine : {kMemoryBound, kComputeBound, kBoth, kTiles}) {
    for (const int64_t answers : {1, 2, 4, 8, 16}) {
      for (const double chance : {0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98}) {
        for (const bool by_matches : {false, true}) {
          EXPECT_GE(ShortAnswers(machine, chance, answers, 128, by_matches).gain(), 0.98)
              << answers << " answers, chance " << chance << ", a step of 8 rows takes "
              << machine(8) << (by_matches ? ", by matches" : "");
        }
      }
    }
  }
}

// A step that a busy machine holds up costs no more than a slow one: guesses go on.
TEST(DraftPolicy, OneStallIsForgiven) {
  int64_t steps = 0;
  const Machine stalls = [&](int64_t rows) {
    return (++steps == 40 ? 100 : 1) * kMemoryBound(rows);
  };
  const Machine calm = [&](int64_t rows) { return (++steps == 40 ? 0 : 1) * kMemoryBound(rows); };
  const double plain_of_the_stall = 100;
  ShortAnswers held_up(stalls, 0.9, 1, 1000);
  ShortAnswers free(calm, 0.9, 1, 1000);
  held_up.gain();
  steps = 0;
  free.gain();
  EXPECT_LT(held_up.seconds() - plain_of_the_stall, 1.2 * free.seconds());
}

// More answers than a step with guesses may have.
TEST(DraftPolicy, ManyAnswersHaveNone) {
  EXPECT_DOUBLE_EQ(ShortAnswers(kMemoryBound, 0.9, 100, 4).gain(), 1);
}

TEST(DraftPolicy, GainsInShortAnswers) {
  EXPECT_GT(ShortAnswers(kMemoryBound, 0.9, 1).gain(), 4);
  EXPECT_GT(ShortAnswers(kBoth, 0.9, 1).gain(), 2);
  EXPECT_GT(ShortAnswers(kBoth, 0.9, 4).gain(), 1.25);
  EXPECT_GT(ShortAnswers(kTiles, 0.5, 4).gain(), 1.1);
}

// One round guesses for all: what is too dear for one sequence pays for many.
TEST(DraftPolicy, OneRoundIsForAllSequences) {
  DraftPolicy policy;
  learn_steps(policy, 32, [](int64_t) { return 1.0; });
  learn_round(policy, 0.7);
  std::vector<DraftPolicy::Candidate> few(4, {Acceptance(0.0), 0});
  few[0] = {Acceptance(0.3), 1};
  policy.choose(few);
  EXPECT_EQ(chosen_of(few), 0);
  std::vector<DraftPolicy::Candidate> many(16, {Acceptance(0.9), 1});
  policy.choose(many);
  EXPECT_EQ(chosen_of(many), 16);
}

TEST(DraftPolicy, LooksNowAndThenAtGuessesThatDoNotPay) {
  DraftPolicy policy;
  int64_t looks = 0;
  for (int step = 0; step < 1000; ++step) looks += policy.wants_a_look() ? 1 : 0;
  EXPECT_GT(looks, 20);
  EXPECT_LT(looks, 50);
}

// A machine that got slower for many rows (another process, a deeper context) is noticed.
TEST(DraftPolicy, ForgetsWhatItKnewOfTheMachine) {
  DraftPolicy policy;
  int64_t late = 0;
  for (int step = 0; step < 2000; ++step) {
    DraftPolicy::Candidate one{Acceptance(0.9), 4};
    policy.choose({&one, 1});
    policy.step_took(1 + one.drafts,
                     step < 1000 ? kMemoryBound(1 + one.drafts) : kComputeBound(1 + one.drafts));
    if (step >= 1500) late += one.drafts;
  }
  EXPECT_LT(late, 50);
}

// Of a short answer: what is learned about the guesses and about the machine is paid in it.
class WrongGuesses : public testing::TestWithParam<bool> {};  // whether matches speak for them

TEST_P(WrongGuesses, AreSoonLeftAlone) {
  const Machine machine = [](int64_t rows) { return 1 + 0.1 * static_cast<double>(rows - 1); };
  DraftPolicy policy;
  Acceptance acceptance;
  double seconds = 0;
  constexpr int kTokens = 128;
  for (int step = 0; step < kTokens; ++step) {
    acceptance.behind(GetParam() ? 2 + step % 7 : 0);
    DraftPolicy::Candidate one{acceptance, 8};
    policy.choose({&one, 1});
    const double took = machine(1 + one.drafts);
    policy.step_took(1 + one.drafts, took);
    acceptance.observe(false);
    seconds += took;
  }
  EXPECT_LT(seconds, 1.02 * kTokens);
}

INSTANTIATE_TEST_SUITE_P(Acceptance, WrongGuesses, testing::Bool());

TEST(Acceptance, FollowsWhatItSees) {
  Acceptance a;
  for (int i = 0; i < 100; ++i) a.observe(true);
  EXPECT_GT(a.chance(), 0.99);
  for (int i = 0; i < 100; ++i) a.observe(false);
  EXPECT_LT(a.chance(), 0.01);
}

// Guesses that two tokens speak for are known apart from those of a long repetition, and from those
// that nothing is said about; each right guess is one token more that speaks for the next.
TEST(Acceptance, TellsQuotationFromChance) {
  Acceptance a;
  for (int i = 0; i < 20; ++i) {
    a.behind(2);
    a.observe(false);
    a.behind(6);
    for (int guess = 0; guess < 8; ++guess) a.observe(true, guess);
  }
  EXPECT_GT(a.chance(0), 0.9);
  EXPECT_GT(a.chance(7), 0.9);
  a.behind(100);
  EXPECT_GT(a.chance(0), 0.9) << "like the longest";
  a.behind(2);
  EXPECT_LT(a.chance(0), 0.1);
  EXPECT_GT(a.chance(1), 0.4) << "three tokens: not seen yet";
  EXPECT_LE(a.chance(1), 0.65);
  EXPECT_GT(a.chance(4), 0.9);
  a.behind(0);
  EXPECT_EQ(a.chance(0), a.chance(3)) << "all alike";
  EXPECT_EQ(Acceptance().chance(), 0.6);
}

}  // namespace
}  // namespace hearth
