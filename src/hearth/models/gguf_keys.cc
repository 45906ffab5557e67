// See gguf_keys.h. Key names and ids are llama.cpp's (gguf-py/gguf/constants.py); absorbed MLA,
// expert groups and the gating function are written as its converter does since April 2025.
#include "hearth/models/gguf_keys.h"

#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"
#include "hearth/models/deepseek/config.h"
#include "hearth/models/dense/config.h"

namespace hearth {
namespace {

// Sets `<arch>.<key>`.
class Keys {
 public:
  Keys(std::string arch, GgufHeader& header) : arch_(std::move(arch)), header_(header) {}

  void size(std::string_view key, int64_t value) {
    header_.set_u32(name(key), static_cast<uint32_t>(value));
  }
  void number(std::string_view key, double value) {
    header_.set_f32(name(key), static_cast<float>(value));
  }
  void boolean(std::string_view key, bool value) { header_.set_bool(name(key), value); }
  void text(std::string_view key, std::string_view value) { header_.set_string(name(key), value); }

 private:
  std::string name(std::string_view key) const { return fmt::format("{}.{}", arch_, key); }

  std::string arch_;
  GgufHeader& header_;
};

void write_rope(const RopeConfig& rope, Keys& keys) {
  keys.number("rope.freq_base", rope.theta);
  if (rope.linear_factor) {
    keys.text("rope.scaling.type", "linear");
    keys.number("rope.scaling.factor", *rope.linear_factor);
  }
  if (!rope.yarn) return;
  keys.text("rope.scaling.type", "yarn");
  keys.number("rope.scaling.factor", rope.yarn->factor);
  keys.size("rope.scaling.original_context_length",
            static_cast<int64_t>(rope.yarn->original_max_position_embeddings));
  keys.number("rope.scaling.yarn_beta_fast", rope.yarn->beta_fast);
  keys.number("rope.scaling.yarn_beta_slow", rope.yarn->beta_slow);
  // The constant of 0.1 mscale ln(factor) + 1 is kept inside this key.
  if (rope.yarn->mscale_all_dim != 0) {
    keys.number("rope.scaling.yarn_log_multiplier", 0.1 * rope.yarn->mscale_all_dim);
  }
}

void write_experts(const DeepseekConfig& c, Keys& keys) {
  keys.size("leading_dense_block_count", c.first_k_dense_replace);
  keys.size("expert_count", c.n_routed_experts);
  keys.size("expert_used_count", c.num_experts_per_tok);
  keys.size("expert_shared_count", c.n_shared_experts);
  keys.size("expert_feed_forward_length", c.moe_intermediate_size);
  keys.number("expert_weights_scale", c.routed_scaling_factor);
  keys.boolean("expert_weights_norm", c.norm_topk_prob);
  keys.size("expert_gating_func", c.scoring_func == ExpertScoring::sigmoid ? 2 : 1);
  const bool grouped = c.topk_method != "greedy";
  keys.size("expert_group_count", grouped ? c.n_group : 1);
  keys.size("expert_group_used_count", grouped ? c.topk_group : 1);
}

Status write_deepseek(const DeepseekConfig& c, Keys& keys) {
  if (c.n_routed_experts > 0 && c.moe_layer_freq != 1) {
    return error(Code::unsupported, "`moe_layer_freq`: GGUF can only say 1, found {}",
                 c.moe_layer_freq);
  }
  keys.size("block_count", c.blocks());
  if (c.blocks() > c.num_hidden_layers) keys.size("nextn_predict_layers", 1);
  keys.size("context_length", c.max_position_embeddings);
  keys.size("embedding_length", c.hidden_size);
  keys.size("feed_forward_length", c.intermediate_size);
  keys.size("vocab_size", c.vocab_size);
  keys.number("attention.layer_norm_rms_epsilon", c.rms_norm_eps);
  keys.size("attention.head_count", c.num_attention_heads);
  // Absorbed MLA is multi-query attention over the latent: one key head of rank + rope.
  keys.size("attention.head_count_kv", 1);
  keys.size("attention.key_length", c.kv_lora_rank + c.qk_rope_head_dim);
  keys.size("attention.value_length", c.kv_lora_rank);
  keys.size("attention.key_length_mla", c.qk_head_dim());
  keys.size("attention.value_length_mla", c.v_head_dim);
  keys.size("attention.kv_lora_rank", c.kv_lora_rank);
  if (c.q_lora_rank > 0) keys.size("attention.q_lora_rank", c.q_lora_rank);
  keys.size("rope.dimension_count", c.qk_rope_head_dim);
  if (c.n_routed_experts > 0) write_experts(c, keys);
  write_rope(c.rope, keys);
  return Status::ok();
}

void write_dense(const DenseConfig& c, Keys& keys) {
  keys.size("block_count", c.num_hidden_layers);
  keys.size("context_length", c.max_position_embeddings);
  keys.size("embedding_length", c.hidden_size);
  keys.size("feed_forward_length", c.intermediate_size);
  keys.size("vocab_size", c.vocab_size);
  keys.number("attention.layer_norm_rms_epsilon", c.rms_norm_eps);
  keys.size("attention.head_count", c.num_attention_heads);
  keys.size("attention.head_count_kv", c.num_key_value_heads);
  keys.size("attention.key_length", c.head_dim);
  keys.size("attention.value_length", c.head_dim);
  if (c.model_type == "llama") keys.size("rope.dimension_count", c.head_dim);
  write_rope(c.rope, keys);
}

}  // namespace

Result<std::string> gguf_architecture(const Json& config) {
  TRY_ASSIGN(const std::string type, json_string(config, "model_type"));
  if (type == "deepseek_v2" || type == "deepseek_v3" || type == "kimi_k2") return {"deepseek2"};
  if (type == "llama" || type == "qwen2" || type == "qwen3") return type;
  return error(Code::unsupported, "`model_type`: no GGUF architecture for `{}`", excerpt(type));
}

// llama.cpp's LLAMA_FTYPE_*; mixtures of formats have numbers of their own.
uint32_t gguf_file_type(Format format) {
  constexpr std::pair<Format, uint32_t> kTypes[] = {
      {Format::f32, 0},  {Format::f16, 1},   {Format::bf16, 32}, {Format::q8_0, 7},
      {Format::q4_0, 2}, {Format::q4_k, 14}, {Format::q6_k, 18},
  };
  for (const auto& [known, type] : kTypes) {
    if (known == format) return type;
  }
  return 0;
}

Status write_gguf_keys(const Json& config, std::string_view name, uint32_t file_type,
                       GgufHeader& header) {
  TRY_ASSIGN(const std::string arch, gguf_architecture(config));
  header.set_string("general.architecture", arch);
  header.set_string("general.type", "model");
  header.set_string("general.name", name);
  header.set_u32("general.file_type", file_type);
  header.set_u32("general.quantization_version", 2);
  Keys keys(arch, header);
  if (arch == "deepseek2") {
    TRY_ASSIGN(const DeepseekConfig deepseek, DeepseekConfig::from_hf(config));
    return write_deepseek(deepseek, keys);
  }
  TRY_ASSIGN(const DenseConfig dense, DenseConfig::from_hf(config));
  write_dense(dense, keys);
  return Status::ok();
}

Result<std::vector<float>> gguf_rope_factors(const Json& config) {
  std::vector<float> factors;
  TRY_ASSIGN(const std::string type, json_string(config, "model_type"));
  if (type != "llama") return factors;
  TRY_ASSIGN(const DenseConfig dense, DenseConfig::from_hf(config));
  if (!dense.rope.llama3) return factors;
  const Rope scaled = dense.rope.make(dense.head_dim, RopePairs::halves);
  const Rope plain = Rope::plain(dense.head_dim, dense.rope.theta, RopePairs::halves);
  for (size_t i = 0; i < scaled.inv_freq.size(); ++i) {
    factors.push_back(static_cast<float>(plain.inv_freq[i] / scaled.inv_freq[i]));
  }
  return factors;
}

}  // namespace hearth
