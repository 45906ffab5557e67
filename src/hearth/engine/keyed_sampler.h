// Sampling by a key in place of a seed: a function u(key, context, token) gives each token a
// number, and the numbers decide. Over random keys the draws have the distribution that sample()
// draws from; to whoever has the key each token drawn is evidence that it was drawn so.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "hearth/base/siphash.h"
#include "hearth/engine/sampler.h"

namespace hearth {

// One place of one answer: key and context absorbed, the token to come.
struct KeyedPlace {
  SipHash state;
  double green_bias = 0;  // greedy: added to the logits of green tokens
  // Where guesses have a key of their own (dual_key.h), under that key; never greedy.
  std::optional<SipHash> draft = {};
};

// The winner of an exponential race by the numbers of a place. `runners`: at least one; their
// probabilities need not add up to 1.
int32_t race(std::span<const Candidate> runners, const SipHash& place);

// One token, by an exponential race: the least -ln(u) / probability wins (Gumbel-max by another
// name). At temperature 0 the largest logit after the bias, the lowest id among equals: that is
// another distribution. Only tokens that survive the filters, or are near one that may win,
// get a number.
int32_t sample_keyed(std::span<const float> logits, const SamplingParams& params,
                     const TokenHistory& history, std::span<const uint8_t> banned,
                     const KeyedPlace& place);

}  // namespace hearth
