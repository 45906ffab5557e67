// From a row of logits to log probabilities: of the chosen token and of the most likely ones.
#pragma once

#include <cstdint>
#include <span>

#include "hearth/serve/answer_channel.h"

namespace hearth::serve {

// The model's own distribution, before temperature and filters. The `top` most likely tokens come
// best first, lower ids first among equals.
TokenLogprob token_logprob(std::span<const float> logits, int32_t id, int64_t top);

}  // namespace hearth::serve
