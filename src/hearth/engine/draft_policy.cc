// See draft_policy.h.
#include "hearth/engine/draft_policy.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr int64_t kTrials = 2;            // the first of its kind runs on cold memory
constexpr double kPace = 0.25;            // of a cell towards what was measured last
constexpr double kOutlier = 2.0;          // one step can't count for more than so many times usual
constexpr int64_t kFreshSteps = 512;      // a cell that wasn't measured for longer is forgotten,
constexpr int64_t kFreshAtFirst = 32;     // and sooner, twice as late each time, one that is new
constexpr int64_t kLookSteps = 32;        // from one look at guesses that don't pay to the next
constexpr double kUnknownRowCost = 0.01;  // of a step: what one more row is thought to cost
constexpr double kGainMin = 1.02;         // a smaller one is noise

}  // namespace

bool DraftPolicy::Measured::believed() const {
  return times >= kTrials;
}

double DraftPolicy::Measured::seconds_or_nothing() const {
  return believed() ? seconds : 0;
}

void DraftPolicy::Measured::add(double took) {
  if (times == 0) {
    seconds = took;
  } else if (!believed()) {
    seconds = std::min(seconds, took);
  } else {
    seconds += kPace * (std::min(took, kOutlier * seconds) - seconds);
  }
  ++times;
}

int64_t DraftPolicy::Cell::age_max() const {
  int64_t steps = kFreshAtFirst;
  for (int64_t i = kTrials; i < step.times && steps < kFreshSteps; ++i) steps *= 2;
  return steps;
}

bool DraftPolicy::known(int64_t rows) const {
  const Cell& cell = cells_[static_cast<size_t>(rows)];
  return cell.step.believed() && steps_ - cell.measured_at <= cell.age_max();
}

void DraftPolicy::step_took(int64_t rows, double seconds) {
  ++steps_;
  if (rows < 1 || rows > kRowsMax) return;
  Cell& cell = cells_[static_cast<size_t>(rows)];
  const bool outdated = cell.step.believed() && steps_ - cell.measured_at > cell.age_max();
  cell.step.add(seconds);
  if (outdated) cell.step.seconds = seconds;
  cell.measured_at = steps_;
}

void DraftPolicy::round_took(double seconds) {
  round_.add(seconds);
}

void DraftPolicy::following_took(double seconds) {
  following_.add(seconds);
}

bool DraftPolicy::wants_a_look() {
  if (++steps_without_ < kLookSteps) return false;
  steps_without_ = 0;
  return true;
}

// A straight line between what is known of fewer rows and of more. What is not known is thought to
// be cheap, so that it is tried: rows behind the last that is known cost little, and where nothing
// is known of fewer rows, a step of fewer costs as much less.
double DraftPolicy::cost(int64_t rows) const {
  int64_t below = std::min(rows, kRowsMax);
  while (below > 0 && !known(below)) --below;
  const double step = below > 0 ? cells_[static_cast<size_t>(below)].step.seconds : 1;
  const auto more = static_cast<double>(rows - below);
  if (more == 0) return step;
  for (int64_t above = rows + 1; above <= kRowsMax; ++above) {
    if (!known(above)) continue;
    if (below == 0) {
      const double share = static_cast<double>(rows) / static_cast<double>(above);
      return cells_[static_cast<size_t>(above)].step.seconds * share;
    }
    const double difference = cells_[static_cast<size_t>(above)].step.seconds - step;
    return step + std::max(0.0, difference) * more / static_cast<double>(above - below);
  }
  return step * (1 + kUnknownRowCost * more);
}

double DraftPolicy::known_cost(int64_t rows) const {
  if (rows == 0) return 0;
  for (int64_t any = 1; any <= kRowsMax; ++any) {
    if (known(any)) return cost(rows);
  }
  return 0;
}

// Guesses that a step may carry beside its own rows. A size that never ran is approached by halves,
// so that a look at it costs little.
int64_t DraftPolicy::room(int64_t rows) const {
  int64_t largest = kRowsMax;
  while (largest > rows && !known(largest)) --largest;
  return std::clamp<int64_t>(largest + largest / 2 + 1, rows, std::max(rows, kRowsMax)) - rows;
}

void DraftPolicy::choose(std::span<Candidate> candidates) {
  if (always_) return;
  guesses_.clear();
  const auto rows = static_cast<int64_t>(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    double chance = 1;
    for (int64_t d = 0; d < candidates[i].drafts; ++d) {
      chance *= candidates[i].chance;
      guesses_.push_back({chance, d + 1, i});
    }
    candidates[i].drafts = 0;
  }
  std::stable_sort(guesses_.begin(), guesses_.end(),
                   [](const Guess& a, const Guess& b) { return a.chance > b.chance; });
  guesses_.resize(std::min(guesses_.size(), static_cast<size_t>(room(rows))));
  // A guess is at most as likely as the one before it, so any number of the first ones is a choice.
  auto tokens = static_cast<double>(rows);
  double best = kGainMin * tokens / (cost(rows) + following_.seconds_or_nothing());
  size_t chosen = 0;
  int64_t rounds = 0;
  const double round_seconds = round_.seconds_or_nothing();
  for (size_t i = 0; i < guesses_.size(); ++i) {
    tokens += guesses_[i].chance;
    rounds = std::max(rounds, guesses_[i].round);
    const double making = static_cast<double>(rounds) * round_seconds;
    const double rate = tokens / (cost(rows + static_cast<int64_t>(i) + 1) + making);
    if (rate > best) {
      best = rate;
      chosen = i + 1;
    }
  }
  for (size_t i = 0; i < chosen; ++i) ++candidates[guesses_[i].candidate].drafts;
}

}  // namespace hearth
