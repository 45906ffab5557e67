// See keyed_sampler.h. What a number says is the detector's rule (guard/watermark/contexts.h).
#include "hearth/engine/keyed_sampler.h"

#include <bit>
#include <cmath>
#include <limits>

#include "hearth/engine/contenders.h"
#include "hearth/guard/watermark/contexts.h"

namespace hearth {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
// More than -ln(-ln u) can be: u is at most 1 - 2^-53.
constexpr double kGumbelMax = 36.75;

double uniform(const SipHash& place, int32_t id) {
  return open_unit(watermark::number_of(place, id));
}

// The race of the whole vocabulary, in logarithms: nothing is normalised. Rows of which nobody is
// near enough to win with any number get none.
class RaceOfAll {
 public:
  RaceOfAll(std::span<const double> logits, std::span<const uint8_t> banned, int32_t likely,
            const SipHash& place)
      : logits_(logits), banned_(banned), place_(place), best_(static_cast<size_t>(likely)) {
    if (logits[best_] != kNever) most_ = reached(best_);
  }

  int32_t winner() {
    Contenders* const may_win = contenders();
    const size_t whole = logits_.size() / kContendersAtOnce * kContendersAtOnce;
    for (size_t at = 0; at < whole; at += kContendersAtOnce) {
      const double* const row = &logits_[at];
      bool near = false;  // not by the largest, which NaN may hide
      for (size_t i = 0; i < kContendersAtOnce; ++i) near |= row[i] > most_ - kGumbelMax;
      if (!near) continue;
      uint32_t left = may_win(place_, static_cast<int32_t>(at), row, most_);
      for (; left != 0; left &= left - 1) run(at + static_cast<size_t>(std::countr_zero(left)));
    }
    for (size_t id = whole; id < logits_.size(); ++id) run(id);
    return static_cast<int32_t>(best_);
  }

 private:
  double reached(size_t id) const {
    return logits_[id] - std::log(-std::log(uniform(place_, static_cast<int32_t>(id))));
  }

  void run(size_t id) {
    if (!(logits_[id] > most_ - kGumbelMax) || is_banned(banned_, id)) return;
    const double here = reached(id);
    if (here <= most_) return;
    most_ = here;
    best_ = id;
  }

  const std::span<const double> logits_;
  const std::span<const uint8_t> banned_;
  const SipHash& place_;
  size_t best_;
  double most_ = kNever;
};

// Only tokens no further than the bias from the best may win.
template <typename T>
int32_t biased_argmax(std::span<const T> logits, std::span<const uint8_t> banned, int32_t likely,
                      const KeyedPlace& place) {
  const auto top = static_cast<double>(logits[static_cast<size_t>(likely)]);
  const T least = static_cast<T>(top - place.green_bias - 1e-6 * std::abs(top));
  int32_t best = likely;
  double most = kNever;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] >= least) || is_banned(banned, i)) continue;
    const auto id = static_cast<int32_t>(i);
    const bool green = watermark::is_green(watermark::number_of(place.state, id));
    const double biased = static_cast<double>(logits[i]) + (green ? place.green_bias : 0);
    if (biased <= most) continue;
    most = biased;
    best = id;
  }
  return best;
}

}  // namespace

int32_t race(std::span<const Candidate> runners, const SipHash& place) {
  int32_t best = runners.front().id;
  double least = std::numeric_limits<double>::infinity();
  for (const Candidate& c : runners) {
    const double u = uniform(place, c.id);
    if (surely_later(u, c.probability, least)) continue;
    const double time = -std::log(u) / c.probability;  // when it crosses the line
    if (time >= least) continue;
    least = time;
    best = c.id;
  }
  return best;
}

int32_t sample_keyed(std::span<const float> logits, const SamplingParams& params,
                     const TokenHistory& history, std::span<const uint8_t> banned,
                     const KeyedPlace& place) {
  if (params.temperature == 0 && !changes(params)) {
    return biased_argmax(logits, banned, greedy(logits, banned), place);
  }
  if (params.temperature > 0 && filters(params)) {
    return race(filtered(logits, params, history, banned), place.state);
  }
  const std::span<const double> adjusted = adjusted_logits(logits, params, history);
  // Dividing by a temperature leaves the largest where it is; the scan of floats is the faster one.
  const int32_t likely = changes(params) ? greedy(adjusted, banned) : greedy(logits, banned);
  return params.temperature == 0 ? biased_argmax(adjusted, banned, likely, place)
                                 : RaceOfAll(adjusted, banned, likely, place.state).winner();
}

}  // namespace hearth
