// See dual_key.h.
#include "hearth/engine/dual_key.h"

#include <algorithm>

#include "hearth/base/check.h"
#include "hearth/guard/watermark/contexts.h"

namespace hearth {
namespace {

// Stands for no token: whether a guess is kept.
constexpr int32_t kCoin = -1;

double probability_of(std::span<const Candidate> by_id, int32_t id) {
  const auto found = std::ranges::lower_bound(by_id, id, {}, &Candidate::id);
  return found == by_id.end() || found->id != id ? 0 : found->probability;
}

}  // namespace

Guess draw_guess(std::span<const float> logits, const SamplingParams& params,
                 std::span<const uint8_t> banned, const SipHash& draft) {
  SamplingParams plain;
  plain.temperature = params.temperature;
  plain.top_k = params.top_k;
  plain.top_p = params.top_p;
  plain.min_p = params.min_p;
  Guess guess;
  guess.drawn_from = distribution(logits, plain, {}, banned);
  guess.id = race(guess.drawn_from, draft);
  std::ranges::sort(guess.drawn_from, {}, &Candidate::id);
  return guess;
}

int32_t sample_checked(std::span<const float> logits, const SamplingParams& params,
                       const TokenHistory& history, std::span<const uint8_t> banned,
                       const KeyedPlace& place, const Guess& guess) {
  CHECK(place.draft && !guess.drawn_from.empty());
  double wanted = 0;  // p of the guess
  std::vector<Candidate> rest;
  for (const Candidate& c : filtered(logits, params, history, banned)) {
    if (c.id == guess.id) wanted = c.probability;
    const double above = c.probability - probability_of(guess.drawn_from, c.id);
    if (above > 0) rest.push_back({c.id, above});
  }
  const double coin = open_unit(watermark::number_of(*place.draft, kCoin));
  if (coin * probability_of(guess.drawn_from, guess.id) < wanted) return guess.id;
  // Only rounding leaves nothing: then p is q, and the guess was as good as kept.
  return rest.empty() ? guess.id : race(rest, place.state);
}

}  // namespace hearth
