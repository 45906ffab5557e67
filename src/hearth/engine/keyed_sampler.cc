// See keyed_sampler.h. What a number says is the detector's rule (guard/watermark/contexts.h).
#include "hearth/engine/keyed_sampler.h"

#include <cmath>
#include <limits>

#include "hearth/guard/watermark/contexts.h"

namespace hearth {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
// More than -ln(-ln u) can be: u is at most 1 - 2^-53.
constexpr double kGumbelMax = 36.75;

// When the token crosses the line, at a rate of one.
double waiting_time(const SipHash& place, int32_t id) {
  return -std::log(open_unit(watermark::number_of(place, id)));
}

// The race of the whole vocabulary, in logarithms: nothing is normalised, and whoever is too far
// behind to win with any number gets none.
int32_t race_all(std::span<const double> logits, std::span<const uint8_t> banned, int32_t likely,
                 const KeyedPlace& place) {
  const auto result = [&](size_t id) {
    return logits[id] - std::log(waiting_time(place.state, static_cast<int32_t>(id)));
  };
  auto best = static_cast<size_t>(likely);
  double most = logits[best] == kNever ? kNever : result(best);
  for (size_t id = 0; id < logits.size(); ++id) {
    if (!(logits[id] > most - kGumbelMax) || is_banned(banned, id)) continue;
    const double reached = result(id);
    if (reached <= most) continue;
    most = reached;
    best = id;
  }
  return static_cast<int32_t>(best);
}

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
    const double time = waiting_time(place, c.id) / c.probability;
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
  const int32_t likely = greedy(adjusted, banned);
  return params.temperature == 0 ? biased_argmax(adjusted, banned, likely, place)
                                 : race_all(adjusted, banned, likely, place);
}

}  // namespace hearth
