// See rope_config.h. A scaling that Hearth does not know is refused: running without it would give
// fluent text that is wrong beyond the original context.
#include "hearth/models/rope_config.h"

#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr double kThetaMax = 1e12;
constexpr double kFactorMax = 1e6;

Result<Llama3Scaling> llama3_from(const Json& s) {
  Llama3Scaling out;
  TRY_ASSIGN(out.factor, json_number(s, "factor", 1, kFactorMax));
  TRY_ASSIGN(out.low_freq_factor, json_number_or(s, "low_freq_factor", 1, 1e-3, 1e3));
  TRY_ASSIGN(out.high_freq_factor, json_number_or(s, "high_freq_factor", 4, 1e-3, 1e3));
  TRY_ASSIGN(out.original_max_position_embeddings,
             json_number_or(s, "original_max_position_embeddings", 8192, 1, 1e9));
  if (out.high_freq_factor <= out.low_freq_factor) {
    return error(Code::invalid, "rope_scaling: expected high_freq_factor > low_freq_factor");
  }
  return out;
}

Result<YarnScaling> yarn_from(const Json& s, int64_t max_position_embeddings) {
  YarnScaling out;
  TRY_ASSIGN(out.factor, json_number(s, "factor", 1, kFactorMax));
  TRY_ASSIGN(out.original_max_position_embeddings,
             json_number_or(s, "original_max_position_embeddings",
                            static_cast<double>(max_position_embeddings), 1, 1e9));
  TRY_ASSIGN(out.beta_fast, json_number_or(s, "beta_fast", 32, 1e-3, 1e6));
  TRY_ASSIGN(out.beta_slow, json_number_or(s, "beta_slow", 1, 1e-3, 1e6));
  TRY_ASSIGN(out.mscale, json_number_or(s, "mscale", 1, 0, 100));
  TRY_ASSIGN(out.mscale_all_dim, json_number_or(s, "mscale_all_dim", 0, 0, 100));
  if (json_find(s, "attention_factor")) {
    out.deepseek = false;
    TRY_ASSIGN(out.attention_factor, json_number(s, "attention_factor", 0, 100));
  }
  return out;
}

}  // namespace

Result<RopeConfig> RopeConfig::from_hf(const Json& config, int64_t max_position_embeddings) {
  RopeConfig rope;
  TRY_ASSIGN(rope.theta, json_number_or(config, "rope_theta", 10000, 1, kThetaMax));
  const char* key = json_find(config, "rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!json_find(config, key)) return rope;
  TRY_ASSIGN(const Json* scaling, json_object(config, key));
  const Json& s = *scaling;
  TRY_ASSIGN(rope.theta, json_number_or(s, "rope_theta", rope.theta, 1, kThetaMax));
  TRY_ASSIGN(const std::string old_type, json_string_or(s, "type", "default"));
  TRY_ASSIGN(const std::string type, json_string_or(s, "rope_type", old_type));
  if (type == "default") return rope;
  if (type == "linear") {
    TRY_ASSIGN(rope.linear_factor, json_number(s, "factor", 1, kFactorMax));
    return rope;
  }
  if (type == "llama3") {
    TRY_ASSIGN(rope.llama3, llama3_from(s));
    return rope;
  }
  if (type == "yarn" || type == "deepseek_yarn") {
    TRY_ASSIGN(rope.yarn, yarn_from(s, max_position_embeddings));
    return rope;
  }
  return error(Code::unsupported, "`{}`: expected type default, linear, llama3 or yarn, found `{}`",
               key, excerpt(type));
}

Result<RopeConfig> RopeConfig::from_gguf(const GgufFields& f) {
  RopeConfig rope;
  TRY_ASSIGN(rope.theta, f.number_or("rope.freq_base", 10000, 1, kThetaMax));
  TRY_ASSIGN(const std::string type, f.string_or("rope.scaling.type", "none"));
  if (type == "none") return rope;
  TRY_ASSIGN(const double factor, f.number_or("rope.scaling.factor", 1, 1, kFactorMax));
  if (type == "linear") {
    rope.linear_factor = factor;
    return rope;
  }
  if (type != "yarn") {
    return error(Code::unsupported,
                 "`{}.rope.scaling.type`: expected none, linear or yarn, found {}", f.arch(),
                 excerpt(type));
  }
  YarnScaling yarn;
  yarn.factor = factor;
  TRY_ASSIGN(const int64_t original,
             f.size_or("rope.scaling.original_context_length", 4096, 1, 1 << 30));
  yarn.original_max_position_embeddings = static_cast<double>(original);
  TRY_ASSIGN(yarn.beta_fast, f.number_or("rope.scaling.yarn_beta_fast", 32, 1e-3, 1e6));
  TRY_ASSIGN(yarn.beta_slow, f.number_or("rope.scaling.yarn_beta_slow", 1, 1e-3, 1e6));
  // llama.cpp's converter stores 0.1 * mscale_all_dim and drops mscale, which equals it in every
  // published DeepSeek; the two then cancel in the rotation.
  TRY_ASSIGN(const double log_multiplier,
             f.number_or("rope.scaling.yarn_log_multiplier", 0, 0, 10));
  yarn.mscale_all_dim = 10 * log_multiplier;
  yarn.mscale = log_multiplier == 0 ? 1 : yarn.mscale_all_dim;
  rope.yarn = yarn;
  return rope;
}

Rope RopeConfig::make(int64_t dims, RopePairs pairs) const {
  Rope rope = Rope::plain(dims, theta, pairs);
  if (linear_factor) rope.scale_linear(*linear_factor);
  if (llama3) rope.scale(*llama3);
  if (yarn) rope.scale(*yarn, theta);
  for (size_t i = 0; i < frequency_factors.size() && i < rope.inv_freq.size(); ++i) {
    rope.inv_freq[i] /= frequency_factors[i];
  }
  return rope;
}

}  // namespace hearth
