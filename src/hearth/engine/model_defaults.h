// What a checkpoint's own files advise about running it: outside input, read before it is used.
#pragma once

#include <cstdint>
#include <vector>

#include "hearth/engine/sampler.h"
#include "hearth/files/json.h"

namespace hearth {

// Of generation_config.json, or nullptr: there is none. DeepSeek recommends 0.6 and 0.95 for the
// whole R1 family; a model's own file goes first. corrupt: a value of another type or range.
Result<SamplingParams> recommended_sampling(const Json* generation_config);

// `eos_token_id` of a config, a number or a list of numbers; what is no id is left out.
std::vector<int32_t> stated_stop_ids(const Json* config);

}  // namespace hearth
