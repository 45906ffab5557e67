// See hf_config.h.
#include "hearth/models/hf_config.h"

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"
#include "hearth/models/deepseek/config.h"
#include "hearth/models/dense/config.h"

namespace hearth {
namespace {

// GGUF keeps numbers as f32: the shortest decimal of that is what was meant.
double meant(double value) {
  return std::strtod(fmt::format("{}", static_cast<float>(value)).c_str(), nullptr);
}

// Whether the scaling gives the divisors that the file has.
bool gives(const Llama3Scaling& scaling, const DenseConfig& c) {
  Rope scaled = Rope::plain(c.head_dim, c.rope.theta, RopePairs::halves);
  const Rope plain = scaled;
  scaled.scale(scaling);
  for (size_t i = 0; i < plain.inv_freq.size(); ++i) {
    const double factor = plain.inv_freq[i] / scaled.inv_freq[i];
    if (std::abs(factor / c.rope.frequency_factors[i] - 1) > 1e-5) return false;
  }
  return true;
}

// GGUF keeps what the scaling comes to; Llama 3.1 to 3.3 are published with two factors.
Result<Json> llama3_scaling(const DenseConfig& c) {
  for (const double factor : {8.0, 32.0}) {
    Llama3Scaling s;
    s.factor = factor;
    if (!gives(s, c)) continue;
    return Json{{"rope_type", "llama3"},
                {"factor", s.factor},
                {"low_freq_factor", s.low_freq_factor},
                {"high_freq_factor", s.high_freq_factor},
                {"original_max_position_embeddings", s.original_max_position_embeddings}};
  }
  return error(Code::unsupported,
               "`rope_freqs.weight`: expected the scaling of Llama 3.1 to 3.3, found another");
}

void set_rope(const RopeConfig& rope, Json& out) {
  out["rope_theta"] = meant(rope.theta);
  if (rope.linear_factor) {
    out["rope_scaling"] = {{"type", "linear"}, {"factor", meant(*rope.linear_factor)}};
  }
  if (!rope.yarn) return;
  const YarnScaling& y = *rope.yarn;
  out["rope_scaling"] = {{"type", "yarn"},
                         {"factor", meant(y.factor)},
                         {"original_max_position_embeddings", y.original_max_position_embeddings},
                         {"beta_fast", meant(y.beta_fast)},
                         {"beta_slow", meant(y.beta_slow)},
                         {"mscale", meant(y.mscale)},
                         {"mscale_all_dim", meant(y.mscale_all_dim)}};
}

Json of_deepseek(const DeepseekConfig& c) {
  const bool v3 = c.model_type == "deepseek_v3";
  Json out = {{"architectures", {v3 ? "DeepseekV3ForCausalLM" : "DeepseekV2ForCausalLM"}},
              {"model_type", c.model_type},
              {"vocab_size", c.vocab_size},
              {"hidden_size", c.hidden_size},
              {"intermediate_size", c.intermediate_size},
              {"num_hidden_layers", c.num_hidden_layers},
              {"num_attention_heads", c.num_attention_heads},
              {"num_key_value_heads", c.num_attention_heads},
              {"kv_lora_rank", c.kv_lora_rank},
              {"q_lora_rank", c.q_lora_rank > 0 ? Json(c.q_lora_rank) : Json(nullptr)},
              {"qk_nope_head_dim", c.qk_nope_head_dim},
              {"qk_rope_head_dim", c.qk_rope_head_dim},
              {"v_head_dim", c.v_head_dim},
              {"hidden_act", "silu"},
              {"max_position_embeddings", c.max_position_embeddings},
              {"rms_norm_eps", meant(c.rms_norm_eps)},
              {"tie_word_embeddings", c.tie_word_embeddings}};
  set_rope(c.rope, out);
  if (c.n_routed_experts == 0) return out;
  out["n_routed_experts"] = c.n_routed_experts;
  out["n_shared_experts"] = c.n_shared_experts;
  out["num_experts_per_tok"] = c.num_experts_per_tok;
  out["moe_intermediate_size"] = c.moe_intermediate_size;
  out["first_k_dense_replace"] = c.first_k_dense_replace;
  out["moe_layer_freq"] = c.moe_layer_freq;
  out["n_group"] = c.n_group;
  out["topk_group"] = c.topk_group;
  out["topk_method"] = c.topk_method;
  out["scoring_func"] = c.scoring_func == ExpertScoring::sigmoid ? "sigmoid" : "softmax";
  out["norm_topk_prob"] = c.norm_topk_prob;
  out["routed_scaling_factor"] = meant(c.routed_scaling_factor);
  return out;
}

Result<Json> of_dense(const DenseConfig& c) {
  const std::string name = c.model_type == "llama"   ? "LlamaForCausalLM"
                           : c.model_type == "qwen2" ? "Qwen2ForCausalLM"
                                                     : "Qwen3ForCausalLM";
  Json out = {{"architectures", {name}},
              {"model_type", c.model_type},
              {"vocab_size", c.vocab_size},
              {"hidden_size", c.hidden_size},
              {"intermediate_size", c.intermediate_size},
              {"num_hidden_layers", c.num_hidden_layers},
              {"num_attention_heads", c.num_attention_heads},
              {"num_key_value_heads", c.num_key_value_heads},
              {"head_dim", c.head_dim},
              {"hidden_act", "silu"},
              {"max_position_embeddings", c.max_position_embeddings},
              {"rms_norm_eps", meant(c.rms_norm_eps)},
              {"tie_word_embeddings", c.tie_word_embeddings}};
  if (c.model_type != "qwen2") out["attention_bias"] = c.qkv_bias || c.o_bias;
  if (c.model_type == "llama") out["mlp_bias"] = c.mlp_bias;
  set_rope(c.rope, out);
  if (!c.rope.frequency_factors.empty()) {
    TRY_ASSIGN(out["rope_scaling"], llama3_scaling(c));
  }
  return out;
}

Status set_special_ids(const Gguf& gguf, Json& out) {
  for (const char* key : {"bos_token_id", "eos_token_id"}) {
    TRY_ASSIGN(const auto id, gguf.opt_u32(fmt::format("tokenizer.ggml.{}", key)));
    if (id) out[key] = *id;
  }
  return Status::ok();
}

}  // namespace

Result<Json> hf_config(const Gguf& gguf, std::vector<std::string>& notices) {
  TRY_ASSIGN(const std::string_view arch, gguf.get_string("general.architecture"));
  Json out;
  if (arch == "deepseek2") {
    TRY_ASSIGN(const DeepseekConfig c, DeepseekConfig::from_gguf(gguf, notices));
    out = of_deepseek(c);
  } else if (arch == "llama" || arch == "qwen2" || arch == "qwen3") {
    TRY_ASSIGN(const DenseConfig c, DenseConfig::from_gguf(gguf));
    TRY_ASSIGN(out, of_dense(c));
  } else {
    return error(Code::unsupported,
                 "architecture: expected deepseek2, llama, qwen2 or qwen3, "
                 "found `{}`",
                 excerpt(arch));
  }
  TRY(set_special_ids(gguf, out));
  return out;
}

}  // namespace hearth
