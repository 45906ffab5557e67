// See shapes.h. Values as published with the checkpoints; ds3-mini is DeepSeek-V3 made small enough
// for a laptop, with each of its quirks.
#include "hearth/models/shapes.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "hearth/models/load.h"

namespace hearth {
namespace {

// What all four Qwen2 distills share; a row of the table overrides it.
constexpr std::string_view kQwen2 = R"({
  "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2",
  "bos_token_id": 151643, "eos_token_id": 151643, "hidden_act": "silu",
  "max_position_embeddings": 131072, "max_window_layers": 21, "rms_norm_eps": 1e-06,
  "rope_theta": 10000, "sliding_window": 4096, "tie_word_embeddings": false,
  "torch_dtype": "bfloat16", "use_sliding_window": false, "vocab_size": 152064})";

constexpr std::string_view kQwen3 = R"({
  "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": false,
  "bos_token_id": 151643, "eos_token_id": 151645, "hidden_act": "silu",
  "max_position_embeddings": 131072, "rms_norm_eps": 1e-06, "rope_theta": 1000000,
  "rope_scaling": {"attn_factor": 0.8782488562869419, "factor": 4.0,
                   "original_max_position_embeddings": 32768, "rope_type": "yarn"},
  "tie_word_embeddings": false, "torch_dtype": "bfloat16", "use_sliding_window": false,
  "vocab_size": 151936})";

constexpr std::string_view kLlama = R"({
  "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false,
  "bos_token_id": 128000, "eos_token_id": 128001, "hidden_act": "silu",
  "max_position_embeddings": 131072, "mlp_bias": false, "rms_norm_eps": 1e-05,
  "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                   "original_max_position_embeddings": 8192, "rope_type": "llama3"},
  "rope_theta": 500000.0, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
  "vocab_size": 128256})";

constexpr std::string_view kDeepseekV2 = R"({
  "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2",
  "attention_bias": false, "bos_token_id": 100000, "eos_token_id": 100001, "hidden_act": "silu",
  "kv_lora_rank": 512, "max_position_embeddings": 163840, "moe_layer_freq": 1, "n_group": 1,
  "norm_topk_prob": false, "q_lora_rank": null, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
  "rms_norm_eps": 1e-06, "rope_theta": 10000,
  "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.707,
                   "mscale_all_dim": 0.707, "original_max_position_embeddings": 4096,
                   "type": "yarn"},
  "routed_scaling_factor": 1.0, "scoring_func": "softmax", "tie_word_embeddings": false,
  "topk_group": 1, "topk_method": "greedy", "torch_dtype": "bfloat16", "v_head_dim": 128,
  "vocab_size": 102400})";

constexpr std::string_view kDeepseekV3 = R"({
  "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
  "attention_bias": false, "bos_token_id": 0, "eos_token_id": 1, "hidden_act": "silu",
  "kv_lora_rank": 512, "max_position_embeddings": 163840, "moe_layer_freq": 1, "n_group": 8,
  "n_shared_experts": 1, "norm_topk_prob": true, "num_experts_per_tok": 8,
  "num_nextn_predict_layers": 0, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
  "rms_norm_eps": 1e-06, "rope_theta": 10000,
  "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0,
                   "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096,
                   "type": "yarn"},
  "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "tie_word_embeddings": false,
  "topk_group": 4, "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "v_head_dim": 128})";

struct NamedShape {
  std::string_view name;
  std::string_view family;  // JSON object
  std::string_view own;     // JSON object, laid over the family's
};

constexpr NamedShape kShapes[] = {
    {"deepseek-r1-distill-qwen-1.5b", kQwen2,
     R"({"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
         "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151936})"},
    {"deepseek-r1-distill-qwen-7b", kQwen2,
     R"({"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
         "num_attention_heads": 28, "num_key_value_heads": 4, "max_window_layers": 28})"},
    {"deepseek-r1-distill-qwen-14b", kQwen2,
     R"({"hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 48,
         "num_attention_heads": 40, "num_key_value_heads": 8, "max_window_layers": 48,
         "rms_norm_eps": 1e-05, "rope_theta": 1000000.0})"},
    {"deepseek-r1-distill-qwen-32b", kQwen2,
     R"({"hidden_size": 5120, "intermediate_size": 27648, "num_hidden_layers": 64,
         "num_attention_heads": 40, "num_key_value_heads": 8, "max_window_layers": 64,
         "rms_norm_eps": 1e-05, "rope_theta": 1000000.0})"},
    {"deepseek-r1-distill-llama-8b", kLlama,
     R"({"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8})"},
    {"deepseek-r1-distill-llama-70b", kLlama,
     R"({"hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80,
         "num_attention_heads": 64, "num_key_value_heads": 8})"},
    {"deepseek-r1-0528-qwen3-8b", kQwen3,
     R"({"head_dim": 128, "hidden_size": 4096, "intermediate_size": 12288,
         "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8})"},
    {"deepseek-v2-lite", kDeepseekV2,
     R"({"hidden_size": 2048, "intermediate_size": 10944, "moe_intermediate_size": 1408,
         "num_hidden_layers": 27, "first_k_dense_replace": 1, "num_attention_heads": 16,
         "num_key_value_heads": 16, "n_routed_experts": 64, "n_shared_experts": 2,
         "num_experts_per_tok": 6})"},
    {"deepseek-v3", kDeepseekV3,
     R"({"hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048,
         "num_hidden_layers": 61, "first_k_dense_replace": 3, "num_attention_heads": 128,
         "num_key_value_heads": 128, "n_routed_experts": 256, "q_lora_rank": 1536,
         "vocab_size": 129280})"},
    {"ds3-mini", kDeepseekV3,
     R"({"hidden_size": 1024, "intermediate_size": 4096, "moe_intermediate_size": 512,
         "num_hidden_layers": 12, "first_k_dense_replace": 1, "num_attention_heads": 16,
         "num_key_value_heads": 16, "n_routed_experts": 64, "q_lora_rank": 768,
         "vocab_size": 32256})"},
};

}  // namespace

std::vector<std::string_view> shape_names() {
  std::vector<std::string_view> names;
  for (const NamedShape& shape : kShapes) names.push_back(shape.name);
  return names;
}

Result<Json> shape_config(std::string_view name, int64_t layers) {
  for (const NamedShape& shape : kShapes) {
    if (shape.name != name) continue;
    TRY_ASSIGN(Json config, parse_json(shape.family));
    TRY_ASSIGN(const Json own, parse_json(shape.own));
    config.update(own);
    TRY_ASSIGN(const int64_t all, json_int(config, "num_hidden_layers", 1, 512));
    if (layers < 0 || layers > all) {
      return error(Code::invalid, "layers: expected at most {} for {}, found {}", all, name,
                   layers);
    }
    if (layers > 0) config["num_hidden_layers"] = layers;
    return config;
  }
  return error(Code::unsupported, "shape: expected one of {}, found `{}`",
               fmt::join(shape_names(), ", "), name);
}

Result<int64_t> count_parameters(const Json& config) {
  TRY_ASSIGN(const std::unique_ptr<Model> model, make_model(config));
  int64_t count = 0;
  model->visit_tensors([&](const TensorSpec& spec, Weight&) {
    if (!spec.name.empty()) count += spec.shape.elements();
  });
  return count;
}

}  // namespace hearth
