// See generation_request.h.
#include "hearth/serve/generation_request.h"

namespace hearth::serve {

SamplingParams GenerationRequest::sampling(const SamplingParams& defaults) const {
  SamplingParams out = defaults;
  out.temperature = temperature.value_or(out.temperature);
  out.top_p = top_p.value_or(out.top_p);
  out.top_k = top_k.value_or(out.top_k);
  out.min_p = min_p.value_or(out.min_p);
  out.repetition_penalty = repetition_penalty.value_or(out.repetition_penalty);
  out.frequency_penalty = frequency_penalty.value_or(out.frequency_penalty);
  out.presence_penalty = presence_penalty.value_or(out.presence_penalty);
  out.logit_bias = logit_bias;
  return out;
}

}  // namespace hearth::serve
