// DraftPolicy: how many guesses are worth their cost. It knows what a step of so many rows took
// lately and how often guesses were right, and chooses the numbers that bring the most tokens a
// second for all answers together; none, where none pays. What it chooses changes the time of an
// answer, never its tokens. What it doesn't know it tries, a little at a time and within what tries
// may lose; it forgets what is old, for machines change.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace hearth {

struct DraftStats {
  int64_t drafted = 0;   // guesses that the model checked
  int64_t accepted = 0;  // of these, right
  // Of steps of sizes that had run before: what they were thought to bring and to take when their
  // guesses were chosen, and what they brought and took.
  double expected_tokens = 0, expected_seconds = 0;
  double tokens = 0, seconds = 0;
  // Of steps with guesses that ran as chosen, a stall no more than a slow step: what they took,
  // guesses and draws included, and what as many tokens would have taken without.
  double guessing_seconds = 0, plain_seconds = 0;
};

// How often guesses for one sequence are right, given that those before them were. Where a drafter
// says how many tokens speak for a guess, it is told apart by these: eight that stood there before
// are a quotation, two may be chance. Before any of a kind were seen they are as likely as texts
// that quote have it, and less by as much as all others disappoint: bad guesses cost a few steps
// and no more, of whatever kinds they are.
class Acceptance {
 public:
  Acceptance() = default;
  // All guesses alike.
  explicit Acceptance(double chance) : all_{chance, 1} {}

  // The next guesses: `matched` tokens speak for the first (Drafter::matched), one more for each
  // that follows; 0: nothing is said.
  void behind(int64_t matched) { matched_ = matched; }
  // Of the `guess`-th of them, from 0.
  double chance(int64_t guess = 0) const {
    if (matched_ == 0) return all_.chance;
    const size_t kind = kind_of(guess);
    if (kinds_[kind].seen > 0) return kinds_[kind].chance;
    const double in_quotations = std::min(0.9, 0.35 + 0.1 * static_cast<double>(kind));
    return in_quotations * std::min(1.0, all_.chance / kUnknown);
  }
  void observe(bool right, int64_t guess = 0) {
    if (matched_ > 0) {
      Mean& kind = kinds_[kind_of(guess)];
      kind.chance = chance(guess);
      kind.add(right);
    }
    all_.add(right);
  }

 private:
  static constexpr double kUnknown = 0.6;    // before anything is known: enough to try
  static constexpr int64_t kMatchedMax = 8;  // more say nothing more
  // The mean of all that was seen at first.
  struct Mean {
    double chance = kUnknown;
    int64_t seen = 0;
    void add(bool right) {
      constexpr double kPaceMin = 0.1;
      const double pace = std::max(kPaceMin, 1 / static_cast<double>(1 + ++seen));
      chance += pace * ((right ? 1.0 : 0.0) - chance);
    }
  };
  size_t kind_of(int64_t guess) const {
    return static_cast<size_t>(std::min(matched_ + guess, kMatchedMax));
  }

  Mean all_;
  std::array<Mean, kMatchedMax + 1> kinds_;  // by tokens that speak for a guess
  int64_t matched_ = 0;
};

class DraftPolicy {
 public:
  // `always`: all guesses run, whatever they cost (tests and measurements).
  explicit DraftPolicy(bool always = false) : always_(always) {}

  struct Candidate {
    Acceptance acceptance;  // of its guesses
    int64_t drafts = 0;     // at hand; after choose(): to be checked
  };
  // `candidates`: all sequences of the step, each of which has one row anyway.
  void choose(std::span<Candidate> candidates);
  // A step of so many rows, all generated, took this long.
  void step_took(int64_t rows, double seconds);
  // That step had one row of each of so many sequences and so many guesses, some of them right.
  void step_brought(int64_t sequences, int64_t guesses, int64_t right);
  // A token of an answer was drawn from its logits.
  void draw_took(double seconds) { draw_.add(seconds); }
  // Everything but `drafted` and `accepted`.
  const DraftStats& forecasts() const { return forecasts_; }
  // A round of guesses took this long: one more for each sequence that wants one. For guesses that
  // cost something; they are chosen before they are made.
  void round_took(double seconds);
  // What guesses cost where none is made: their network reads along.
  void following_took(double seconds);
  // Whether guesses should be made although none were chosen, for nothing but to learn how often
  // they are right: now and then.
  bool wants_a_look();
  // Seconds that such a step would take; an optimistic guess for numbers that never ran.
  double cost(int64_t rows) const;
  // The same where steps of any size ran lately, else 0; of no rows 0.
  double known_cost(int64_t rows) const;

 private:
  static constexpr int64_t kRowsMax = 64;  // larger steps carry no guesses
  static constexpr double kCreditAtFirst = 0.5;
  struct Measured {
    double seconds = 0;
    int64_t times = 0;
    void add(double took);
    bool believed() const;
    double seconds_or_nothing() const;  // until it is believed
  };
  struct Cell {
    Measured step;
    int64_t measured_at = 0;  // in steps
    int64_t age_max() const;  // for which it is believed
  };
  bool known(int64_t rows) const;
  bool bounded(int64_t rows) const;
  bool comparable(int64_t rows) const;
  double cost_at_most(int64_t rows) const;
  int64_t room(int64_t rows) const;
  bool may_try(int64_t rows, int64_t guesses, double right, double making) const;

  const bool always_;
  int64_t steps_ = 0;
  std::array<Cell, kRowsMax + 1> cells_;  // by rows
  Measured round_;
  Measured following_;
  Measured draw_;
  double credit_ = kCreditAtFirst;  // what tries may still lose, in steps without guesses
  double took_ = 0;                 // the last step
  // What was thought of the step that runs, as it was chosen.
  struct Choice {
    int64_t sequences = 0;  // 0: none was chosen
    int64_t guesses = 0;
    double plain_seconds = 0;  // without guesses
    double following = 0;      // what is taken for guesses where none is made
    double making = 0;         // of the guesses, beside that
    double tokens = 0, seconds = 0;
    bool known = false;  // its size ran before
  };
  Choice choice_;
  DraftStats forecasts_;
  int64_t steps_without_ = 0;  // guesses, of those that cost
  struct Guess {
    double chance;  // that it and all before it are right
    int64_t round;  // that makes it, from 1
    size_t candidate;
  };
  std::vector<Guess> guesses_;  // of one choice; kept for its memory
};

}  // namespace hearth
