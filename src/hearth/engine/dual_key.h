// Two keys (the dual-key mark of SynthID-Text, Nature 634, 2024, supplement, algorithm 6; Hu and
// Huang, NeurIPS 2024): a guess is drawn from the guessing network's distribution q by a key of its
// own, kept with the chance min(1, p / q), and where it is not, the token is drawn from what p has
// above q by the key of answers. Over keys the token has the model's distribution p, exactly, and a
// guess is kept as often as with speculative sampling without a mark, which is as often as can be.
// The coin comes from the guesses' key, too, so that all this holds for any seed.
//
// What is given up: which key drew a token depends on whether there was a guess, and so on the
// clock. Guesses that are not drawn (n-grams, places without a mark) are compared, as ever.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hearth/engine/keyed_sampler.h"

namespace hearth {

struct Guess {
  int32_t id = 0;
  std::vector<Candidate> drawn_from;  // q, by id; empty: nothing was drawn
};

// From the logits of the guessing network, by the filters of `params`. Its vocabulary may be
// smaller than the model's, so bias and penalties, which speak of the model's ids, are left out: q
// may be any distribution. `draft`: KeyedPlace::draft.
Guess draw_guess(std::span<const float> logits, const SamplingParams& params,
                 std::span<const uint8_t> banned, const SipHash& draft);

// The token of a place that a guess was drawn for; the guess itself where it is kept. `logits`
// [vocab]: of the model. `place`: with two keys.
int32_t sample_checked(std::span<const float> logits, const SamplingParams& params,
                       const TokenHistory& history, std::span<const uint8_t> banned,
                       const KeyedPlace& place, const Guess& guess);

}  // namespace hearth
