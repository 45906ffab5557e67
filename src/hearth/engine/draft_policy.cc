// See draft_policy.h.
#include "hearth/engine/draft_policy.h"

#include <algorithm>
#include <utility>

#include "hearth/base/check.h"

namespace hearth {
namespace {

constexpr int64_t kTrials = 2;            // the first of its kind runs on cold memory
constexpr double kPace = 0.25;            // of a cell towards what was measured last
constexpr double kOutlier = 2.0;          // one step can't count for more than so many times usual
constexpr int64_t kFreshSteps = 512;      // a cell that wasn't measured for longer is forgotten,
constexpr int64_t kFreshAtFirst = 32;     // and sooner, twice as late each time, one that is new
constexpr int64_t kLookSteps = 32;        // from one look at guesses that don't pay to the next
constexpr double kUnknownRowCost = 0.01;  // of a step: what one more row is thought to cost
constexpr double kGainMin = 1.02;         // a smaller one is noise,
constexpr double kGainMinInDebt = 1.1;    // and where guesses lost more than they may, this one
constexpr double kCreditShare = 0.01;     // of the time goes to tries,
constexpr double kCreditOfGain = 0.25;    // and so much of what guesses gain
constexpr double kCreditMost = 4;         // in steps
constexpr double kDebtMost = 1;
constexpr double kLossAtWorst = 1;  // of one try, beside the credit, if no guess is right

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
  DCHECK(rows >= 0 && rows <= kRowsMax);
  const Cell& cell = cells_[static_cast<size_t>(rows)];
  return cell.step.believed() && steps_ - cell.measured_at <= cell.age_max();
}

void DraftPolicy::step_took(int64_t rows, double seconds) {
  ++steps_;
  took_ = seconds;
  if (rows < 1 || rows > kRowsMax) return;
  Cell& cell = cells_[static_cast<size_t>(rows)];
  const bool outdated = cell.step.believed() && steps_ - cell.measured_at > cell.age_max();
  // One stall is no more than a slow step, here as there.
  took_ = cell.step.believed() ? std::min(seconds, kOutlier * cell.step.seconds) : seconds;
  cell.step.add(seconds);
  if (outdated) cell.step.seconds = seconds;
  cell.measured_at = steps_;
}

// Tries are paid from a hundredth of the time and from what guesses gained: a machine on which they
// don't pay loses that and little more.
void DraftPolicy::step_brought(int64_t sequences, int64_t guesses, int64_t right) {
  const Choice choice = std::exchange(choice_, Choice());
  // Something else ran than what was chosen: a prompt came, or an answer ended.
  if (choice.sequences != sequences || choice.guesses != guesses) return;
  const auto rows = static_cast<double>(sequences);
  const double brought = rows + static_cast<double>(right);
  const double draws = brought * draw_.seconds_or_nothing();
  double change = kCreditShare;
  if (guesses > 0) {
    change = brought / rows - (took_ + choice.making) / choice.plain_seconds;
    forecasts_.guessing_seconds += took_ + draws + choice.following + choice.making;
    forecasts_.plain_seconds += draws + brought / rows * (choice.plain_seconds + choice.following);
    if (change > 0) change *= kCreditOfGain;
  }
  credit_ = std::clamp(credit_ + change, -kDebtMost, kCreditMost);
  if (!choice.known) return;
  forecasts_.expected_tokens += choice.tokens;
  forecasts_.expected_seconds += choice.seconds;
  forecasts_.tokens += brought;
  forecasts_.seconds += took_ + draws + choice.making;
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

// Whether steps of more rows ran, too.
bool DraftPolicy::bounded(int64_t rows) const {
  for (int64_t above = rows; above <= kRowsMax; ++above) {
    if (known(above)) return true;
  }
  return false;
}

// Whether it is known what a step without guesses takes: nothing can be said to pay before.
bool DraftPolicy::comparable(int64_t rows) const {
  if (rows > kRowsMax) return false;
  if (known(rows)) return true;
  for (int64_t below = rows - 1; below > 0; --below) {
    if (known(below)) return bounded(rows);
  }
  return false;
}

// Of a size beyond all that ran: rows cost what they cost on average up to the largest that did.
double DraftPolicy::cost_at_most(int64_t rows) const {
  int64_t below = std::min(rows, kRowsMax);
  while (below > 0 && !known(below)) --below;
  if (below == 0) return cost(rows);
  int64_t least = 1;
  while (!known(least)) ++least;
  const double largest = cells_[static_cast<size_t>(below)].step.seconds;
  const auto more = static_cast<double>(rows - below);
  if (least == below) return largest * (1 + more / static_cast<double>(below));
  const double smallest = cells_[static_cast<size_t>(least)].step.seconds;
  const double row = std::max(0.0, largest - smallest) / static_cast<double>(below - least);
  return largest + 2 * row * more;
}

// Whether so many guesses, `right` of them as expected, may be tried beside `rows` rows.
bool DraftPolicy::may_try(int64_t rows, int64_t guesses, double right, double making) const {
  if (bounded(rows + guesses)) return true;
  const double brings = 1 + right / static_cast<double>(rows);
  const double takes = (cost_at_most(rows + guesses) + making) / cost(rows);
  return takes - brings <= credit_ && takes - 1 <= credit_ + kLossAtWorst;
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
      chance *= candidates[i].acceptance.chance(d);
      guesses_.push_back({chance, d + 1, i});
    }
    candidates[i].drafts = 0;
  }
  std::stable_sort(guesses_.begin(), guesses_.end(),
                   [](const Guess& a, const Guess& b) { return a.chance > b.chance; });
  const int64_t most = comparable(rows) ? room(rows) : 0;
  guesses_.resize(std::min(guesses_.size(), static_cast<size_t>(most)));
  // A guess is at most as likely as the one before it, so any number of the first ones is a choice.
  auto tokens = static_cast<double>(rows);
  const double gain_min = credit_ < 0 ? kGainMinInDebt : kGainMin;
  const double following = following_.seconds_or_nothing();
  const double draw = draw_.seconds_or_nothing();
  const double plain = cost(rows) + tokens * draw;
  choice_ = {rows, 0, cost(rows), following, 0, tokens, plain, false};
  double best = gain_min * tokens / (plain + following);
  size_t chosen = 0;
  int64_t rounds = 0;
  const double round_seconds = round_.seconds_or_nothing();
  for (size_t i = 0; i < guesses_.size(); ++i) {
    tokens += guesses_[i].chance;
    const auto count = static_cast<int64_t>(i) + 1;
    rounds = std::max(rounds, guesses_[i].round);
    const double making = static_cast<double>(rounds) * round_seconds;
    if (!may_try(rows, count, tokens - static_cast<double>(rows), making - following)) break;
    const double seconds = cost(rows + count) + making + tokens * draw;
    if (tokens / seconds > best) {
      best = tokens / seconds;
      chosen = i + 1;
      choice_.making = making - following;
      choice_.tokens = tokens;
      choice_.seconds = seconds - following;
    }
  }
  choice_.guesses = static_cast<int64_t>(chosen);
  choice_.known = comparable(rows) && bounded(rows + choice_.guesses);
  for (size_t i = 0; i < chosen; ++i) ++candidates[guesses_[i].candidate].drafts;
}

}  // namespace hearth
