// Sampling: from a row of logits to one token. A pure function of the logits, the parameters, the
// tokens so far and one uniform number, which itself is a function of seed and position: the same
// seed gives the same text whatever the batch and the threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hearth/base/status.h"

namespace hearth {

// Added to a token's logit: -100 all but bans it (OpenAI).
struct LogitBias {
  int32_t id;
  float bias;
};

// Applied in this order: bias, penalties, temperature, top-k, top-p, min-p (as Hugging Face does).
struct SamplingParams {
  double temperature = 1;         // 0: greedy, the most likely token
  int64_t top_k = 0;              // keep the k most likely; 0: all
  double top_p = 1;               // keep the smallest set that reaches this probability
  double min_p = 0;               // drop what is less likely than min_p times the best
  double repetition_penalty = 1;  // divides logits of tokens seen in prompt or answer
  double frequency_penalty = 0;   // minus this, times the count in the answer (OpenAI)
  double presence_penalty = 0;    // minus this, once, if in the answer
  uint64_t seed = 0;
  std::vector<LogitBias> logit_bias;  // ids below the vocabulary's size
};

// What a user says of sampling, field by field; what stays empty takes the model's default.
struct SamplingOverrides {
  std::optional<double> temperature, top_p, min_p;
  std::optional<double> repetition_penalty, frequency_penalty, presence_penalty;
  std::optional<int64_t> top_k;
  std::optional<uint64_t> seed;
  std::vector<LogitBias> logit_bias;

  SamplingParams over(const SamplingParams& defaults) const;
};

// invalid: a value that makes no distribution, NaN included; names the parameter.
Status check_sampling(const SamplingParams& params);

struct Candidate {
  int32_t id;
  double probability;
};

// Tokens that a sequence has so far: penalties look at them.
struct TokenHistory {
  std::span<const int32_t> tokens;  // prompt, then answer
  int64_t prompt_length = 0;
};

// The filtered and renormalised distribution, most likely first, lower id first among equals.
// `banned` [vocab] is non-zero for ids that stand for no token (padding rows); may be empty. Never
// empty-handed: the best token stays whatever the filters say; a NaN counts as the least likely.
std::vector<Candidate> distribution(std::span<const float> logits, const SamplingParams& params,
                                    const TokenHistory& history, std::span<const uint8_t> banned);

// For other ways to draw, the same in memory of this thread that the next call takes again. Not
// greedy.
std::span<const Candidate> filtered(std::span<const float> logits, const SamplingParams& params,
                                    const TokenHistory& history, std::span<const uint8_t> banned);
// The logits after bias, penalties and temperature (greedy: without), before any filter, [vocab],
// in memory of this thread; a NaN is -infinity.
std::span<const double> adjusted_logits(std::span<const float> logits, const SamplingParams& params,
                                        const TokenHistory& history);
// Whether a filter is set, and whether bias or penalties change a logit.
bool filters(const SamplingParams& params);
bool changes(const SamplingParams& params);

inline bool is_banned(std::span<const uint8_t> banned, size_t id) {
  return id < banned.size() && banned[id];
}

// The most likely token that is not banned, lowest id among equals.
int32_t greedy(std::span<const float> logits, std::span<const uint8_t> banned);
int32_t greedy(std::span<const double> adjusted, std::span<const uint8_t> banned);

// One token, drawn with `uniform(seed, index of the new token in its sequence)`.
int32_t sample(std::span<const float> logits, const SamplingParams& params,
               const TokenHistory& history, std::span<const uint8_t> banned);

// Uniform in [0, 1), a function of its arguments alone (a counter-based generator).
double uniform(uint64_t seed, uint64_t counter);

}  // namespace hearth
