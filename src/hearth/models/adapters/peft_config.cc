// adapter_config.json of PEFT. Keys that it may have are many; those that change what the adapter
// computes are honoured or refused by name, the others (how it was trained) mean nothing here.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "hearth/models/adapters/stored_adapter.h"

namespace hearth {
namespace {

// Flags that must be off.
constexpr std::array<std::string_view, 5> kFlags = {"use_dora", "fan_in_fan_out", "lora_bias",
                                                    "use_qalora", "use_bdlora"};
// Settings that must be absent, null or empty.
constexpr std::array<std::string_view, 10> kSettings = {
    "modules_to_save", "trainable_token_indices", "target_parameters", "layer_replication",
    "megatron_config", "alora_invocation_tokens", "arrow_config",      "velora_config",
    "kasa_config",     "monteclora_config"};
// Initialisations that leave the base's weights as they are.
constexpr std::array<std::string_view, 3> kPlainInits = {"gaussian", "eva", "orthogonal"};

bool is_empty(const Json* value) {
  if (!value) return true;
  if (value->is_boolean()) return !value->get<bool>();
  return value->is_structured() && value->empty();
}

Status refuse(std::string_view key, std::string_view expected, const Json& found) {
  return error(Code::unsupported, "`{}`: expected {}, found {}", key, expected,
               json_excerpt(found));
}

Status check_init(const Json& config) {
  const Json* init = json_find(config, "init_lora_weights");
  if (!init || init->is_boolean()) return Status::ok();
  if (init->is_string() &&
      std::ranges::find(kPlainInits, init->get_ref<const std::string&>()) != kPlainInits.end()) {
    return Status::ok();
  }
  return refuse("init_lora_weights", "one that leaves the base as it is", *init);
}

// Whether PEFT's pattern says `module` or the end of it. A pattern is a regular expression there;
// Hearth reads those that are plain names.
Result<bool> pattern_fits(std::string_view key, std::string_view pattern, std::string_view module) {
  const bool whole = pattern.starts_with('^');
  if (whole) pattern.remove_prefix(1);
  const bool plain = !pattern.empty() && std::ranges::all_of(pattern, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
  if (!plain) {
    return error(Code::unsupported, "`{}`: expected names of modules, found the expression {}", key,
                 json_excerpt(Json(std::string(pattern))));
  }
  if (module == pattern) return true;
  return !whole && module.size() > pattern.size() && module.ends_with(pattern) &&
         module[module.size() - pattern.size() - 1] == '.';
}

// The first pattern that fits decides, as in PEFT.
Result<double> patterned(const Json& config, std::string_view key, const std::string& module,
                         double otherwise, double least, double most) {
  const Json* patterns = json_find(config, key);
  if (!patterns) return otherwise;
  if (!patterns->is_object()) {
    return error(Code::corrupt, "`{}`: expected an object, found {}", key, json_excerpt(*patterns));
  }
  for (const auto& [pattern, value] : patterns->items()) {
    TRY_ASSIGN(const bool fits, pattern_fits(key, pattern, module));
    if (!fits) continue;
    auto number = json_number(*patterns, pattern, least, most);
    if (!number) return std::move(number).status().at(key);
    return *number;
  }
  return otherwise;
}

}  // namespace

Status check_peft_config(const Json& config) {
  TRY_ASSIGN(const std::string type, json_string(config, "peft_type"));
  if (type != "LORA") {
    return error(Code::unsupported, "`peft_type`: expected `LORA`, found {}",
                 json_excerpt(Json(type)));
  }
  TRY_ASSIGN(const std::string bias, json_string_or(config, "bias", "none"));
  if (bias != "none") return refuse("bias", "`none`", Json(bias));
  for (std::string_view key : kFlags) {
    const Json* value = json_find(config, key);
    if (!is_empty(value)) return refuse(key, "false", *value);
  }
  for (std::string_view key : kSettings) {
    const Json* value = json_find(config, key);
    if (!is_empty(value)) return refuse(key, "nothing", *value);
  }
  return check_init(config);
}

Result<PeftScale> peft_scale(const Json& config, const std::string& module) {
  constexpr double kAlphaMax = 1e6;
  constexpr auto kRankMax = static_cast<double>(kAdapterRankMax);
  TRY_ASSIGN(const int64_t r, json_int_or(config, "r", 8, 1, kAdapterRankMax));
  TRY_ASSIGN(const double lora_alpha, json_number_or(config, "lora_alpha", 8, 0, kAlphaMax));
  TRY_ASSIGN(const bool rslora, json_bool_or(config, "use_rslora", false));
  TRY_ASSIGN(const double rank,
             patterned(config, "rank_pattern", module, static_cast<double>(r), 1, kRankMax));
  TRY_ASSIGN(const double alpha,
             patterned(config, "alpha_pattern", module, lora_alpha, 0, kAlphaMax));
  return PeftScale{std::lround(rank), alpha / (rslora ? std::sqrt(rank) : rank)};
}

}  // namespace hearth
