// The shapes of tiny models: the quirks of the published ones (YaRN, expert groups, tied output,
// rope scaling), a hundred thousand times smaller.
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "hearth/models/tiny/tiny.h"
#include "hearth/models/tiny/tiny_vocabulary.h"

namespace hearth {
namespace {

Json common(std::string_view architecture, std::string_view type) {
  return {{"architectures", {architecture}},
          {"model_type", type},
          {"attention_dropout", 0.0},
          {"bos_token_id", 0},
          {"eos_token_id", 1},
          {"hidden_act", "silu"},
          {"hidden_size", 256},
          {"initializer_range", 0.02},
          {"intermediate_size", 512},
          {"num_attention_heads", 4},
          {"num_hidden_layers", 2},
          {"rms_norm_eps", 1e-6},
          {"tie_word_embeddings", false},
          {"use_cache", true},
          {"vocab_size", kTinyVocabulary}};
}

Json deepseek(std::string_view architecture, std::string_view type, const Json& changes) {
  Json config = common(architecture, type);
  config.update(Json{{"attention_bias", false},
                     {"first_k_dense_replace", 1},
                     {"kv_lora_rank", 256},
                     {"max_position_embeddings", 163840},
                     {"moe_intermediate_size", 256},
                     {"moe_layer_freq", 1},
                     {"n_routed_experts", 8},
                     {"n_shared_experts", 1},
                     {"num_experts_per_tok", 3},
                     {"num_key_value_heads", 4},
                     {"qk_nope_head_dim", 64},
                     {"qk_rope_head_dim", 32},
                     {"rope_theta", 10000},
                     {"v_head_dim", 64}});
  config.update(changes);
  return config;
}

Json yarn(double mscale) {
  return {{"type", "yarn"},
          {"factor", 40},
          {"beta_fast", 32},
          {"beta_slow", 1},
          {"mscale", mscale},
          {"mscale_all_dim", mscale},
          {"original_max_position_embeddings", 4096}};
}

Json deepseek_v3() {
  return deepseek("DeepseekV3ForCausalLM", "deepseek_v3",
                  {{"n_group", 4},
                   {"norm_topk_prob", true},
                   {"num_nextn_predict_layers", 0},
                   {"q_lora_rank", 256},
                   {"rope_scaling", yarn(1.0)},
                   {"routed_scaling_factor", 2.5},
                   {"scoring_func", "sigmoid"},
                   {"topk_group", 2},
                   {"topk_method", "noaux_tc"}});
}

Json deepseek_v2() {
  return deepseek("DeepseekV2ForCausalLM", "deepseek_v2",
                  {{"n_group", 1},
                   {"norm_topk_prob", false},
                   {"q_lora_rank", nullptr},
                   {"rope_scaling", yarn(0.707)},
                   {"routed_scaling_factor", 1.0},
                   {"scoring_func", "softmax"},
                   {"topk_group", 1},
                   {"topk_method", "greedy"}});
}

Json dense(std::string_view architecture, std::string_view type, const Json& changes) {
  Json config = common(architecture, type);
  config.update(Json{{"max_position_embeddings", 131072}, {"num_key_value_heads", 2}});
  config.update(changes);
  return config;
}

Json qwen2() {
  return dense("Qwen2ForCausalLM", "qwen2",
               {{"max_window_layers", 2},
                {"rope_theta", 10000},
                {"sliding_window", 4096},
                {"use_sliding_window", false}});
}

Json qwen3() {
  return dense("Qwen3ForCausalLM", "qwen3",
               {{"attention_bias", false},
                {"head_dim", 64},
                {"max_window_layers", 2},
                {"rope_scaling", nullptr},
                {"rope_theta", 1000000},
                {"sliding_window", nullptr},
                {"tie_word_embeddings", true},
                {"use_sliding_window", false}});
}

Json llama() {
  return dense("LlamaForCausalLM", "llama",
               {{"attention_bias", false},
                {"mlp_bias", false},
                {"pretraining_tp", 1},
                {"rope_scaling",
                 {{"factor", 8.0},
                  {"low_freq_factor", 1.0},
                  {"high_freq_factor", 4.0},
                  {"original_max_position_embeddings", 8192},
                  {"rope_type", "llama3"}}},
                {"rope_theta", 500000.0}});
}

struct TinyShape {
  std::string_view architecture;
  Json (*config)();
};
constexpr TinyShape kShapes[] = {
    {"deepseek_v3", deepseek_v3},
    {"deepseek_v2", deepseek_v2},
    {"qwen2", qwen2},
    {"qwen3", qwen3},
    {"llama", llama},
};

}  // namespace

std::vector<std::string> tiny_architectures() {
  std::vector<std::string> names;
  for (const TinyShape& shape : kShapes) names.emplace_back(shape.architecture);
  return names;
}

Result<Json> tiny_config(const std::string& architecture) {
  for (const TinyShape& shape : kShapes) {
    if (shape.architecture == architecture) return shape.config();
  }
  return error(Code::unsupported, "architecture: expected one of {}, found `{}`",
               fmt::join(tiny_architectures(), ", "), architecture);
}

}  // namespace hearth
