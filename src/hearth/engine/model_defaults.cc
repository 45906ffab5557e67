// See model_defaults.h.
#include "hearth/engine/model_defaults.h"

#include <nlohmann/json.hpp>

namespace hearth {

Result<SamplingParams> recommended_sampling(const Json* generation_config) {
  SamplingParams out;
  out.temperature = 0.6;
  out.top_p = 0.95;
  const Json none;
  const Json& config = generation_config ? *generation_config : none;
  TRY_ASSIGN(out.temperature, json_number_or(config, "temperature", out.temperature, 0, 100));
  // An explicit `do_sample: false` asks for greedy decoding, as it does in transformers.
  TRY_ASSIGN(const bool samples, json_bool_or(config, "do_sample", true));
  if (!samples) out.temperature = 0;
  TRY_ASSIGN(out.top_p, json_number_or(config, "top_p", out.top_p, 0, 1));
  TRY_ASSIGN(out.top_k, json_int_or(config, "top_k", 0, 0, 1 << 24));
  TRY_ASSIGN(out.repetition_penalty, json_number_or(config, "repetition_penalty", 1, 0.01, 100));
  return out;
}

std::vector<int32_t> stated_stop_ids(const Json* config) {
  std::vector<int32_t> ids;
  const Json* value = config ? json_find(*config, "eos_token_id") : nullptr;
  if (!value) return ids;
  const auto add = [&](const Json& id) {
    if (id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < (1 << 24)) {
      ids.push_back(id.get<int32_t>());
    }
  };
  if (value->is_array()) {
    for (const Json& id : *value) add(id);
  } else {
    add(*value);
  }
  return ids;
}

}  // namespace hearth
