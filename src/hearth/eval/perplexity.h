// Perplexity of a text, and how far one model's predictions lie from another's (KL divergence): the
// measure of what a quantisation costs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/models/model.h"

namespace hearth {

class StoredLogits;

struct PerplexitySettings {
  int64_t window = 512;  // tokens the model sees at most; all but the first have half of it before
  std::function<bool(int64_t done, int64_t total)> progress;  // tokens; false: stop
  const StoredLogits* against = nullptr;  // the reference's, where it doesn't run itself
  // Logits [vocab] of the model before each token that is scored, in the text's order.
  std::function<Status(std::span<const float>)> on_logits;
};

struct PerplexityResult {
  int64_t tokens = 0;     // scored
  double ppl = 0;         // exp of the mean negative log-likelihood, in nats
  double ppl_stderr = 0;  // standard error of ppl (delta method)
  // Against a reference, per scored token: KL(reference || model) in nats.
  std::optional<double> kld_mean;
  std::optional<double> kld_p99;
  std::optional<double> same_top1;  // share of tokens where both like the same token best
};

struct LogitSource {
  const Model* model;
  Backend* backend;
  Format kv_format = Format::f16;
};

// `ids`: the whole text; windows overlap by half and each token is scored once. The first token is
// context only. `bos`, where the model has one, opens every window. invalid: fewer than two tokens;
// a reference and stored logits, or such of another text.
Result<PerplexityResult> perplexity(const LogitSource& subject,
                                    const std::optional<LogitSource>& reference,
                                    const std::vector<int32_t>& ids, std::optional<int32_t> bos,
                                    const PerplexitySettings& settings);

// A prompt and what follows it, as one text: the tokens from `scored_from` on count.
struct ScoredReply {
  std::vector<int32_t> ids;
  int64_t scored_from = 0;
};

// The same of replies behind their prompts, each in a context of its own; of the settings only
// `progress` counts. invalid: a reply without a token before or behind `scored_from`, or none.
Result<PerplexityResult> perplexity(const LogitSource& subject,
                                    const std::optional<LogitSource>& reference,
                                    const std::vector<ScoredReply>& replies,
                                    const PerplexitySettings& settings);

}  // namespace hearth
