// The tensors of DeepSeek-V2/V3/R1: Hugging Face name, llama.cpp name, shape, place.
#include <fmt/format.h>

#include "hearth/models/deepseek/model.h"

namespace hearth {
namespace {

using Kind = TensorKind;

}  // namespace

DeepseekModel::DeepseekModel(DeepseekConfig config) : config_(std::move(config)) {
  const DeepseekConfig& c = config_;
  info_ = {c.model_type,
           c.vocab_size,
           c.hidden_size,
           c.num_hidden_layers,
           c.max_position_embeddings,
           c.num_attention_heads};
  rope_ = c.rope.make(c.qk_rope_head_dim, c.rope_pairs);
  layers_.resize(static_cast<size_t>(c.blocks()));
  for (Norm* norm : {&norm_, &mtp_.enorm, &mtp_.hnorm, &mtp_.shared_head_norm}) {
    norm->eps = c.rms_norm_eps;
  }
  for (int64_t l = 0; l < c.blocks(); ++l) {
    Layer& layer = layers_[static_cast<size_t>(l)];
    layer.attention.input_layernorm.eps = c.rms_norm_eps;
    layer.attention.q_a_layernorm.eps = kLatentNormEps;
    layer.attention.kv_a_layernorm.eps = kLatentNormEps;
    layer.post_attention_layernorm.eps = c.rms_norm_eps;
    if (c.is_moe_layer(l)) layer.moe.experts.resize(static_cast<size_t>(c.n_routed_experts));
  }
}

KvSpec DeepseekModel::kv_spec(Format format) const {
  return {config_.blocks(), config_.kv_lora_rank + config_.qk_rope_head_dim, format, 0};
}

void DeepseekModel::visit_tensors(const TensorVisitor& visit) {
  const DeepseekConfig& c = config_;
  visit({"model.embed_tokens.weight",
         "token_embd.weight",
         {c.vocab_size, c.hidden_size},
         c.tie_word_embeddings ? Kind::head : Kind::embedding},
        embed_tokens_);
  for (int64_t l = 0; l < c.num_hidden_layers; ++l) visit_layer(l, visit);
  visit({"model.norm.weight", "output_norm.weight", {c.hidden_size}, Kind::vector}, norm_.weight);
  if (!c.tie_word_embeddings) {  // else finish_load shares the embedding
    visit({"lm_head.weight", "output.weight", {c.vocab_size, c.hidden_size}}, lm_head_.weight);
  }
  if (has_mtp()) visit_mtp(visit);
}

void DeepseekModel::visit_layer(int64_t l, const TensorVisitor& visit) {
  const DeepseekConfig& c = config_;
  const std::string hf = fmt::format("model.layers.{}.", l);
  const std::string gg = fmt::format("blk.{}.", l);
  Layer& layer = layers_[static_cast<size_t>(l)];
  visit_attention(l, visit);
  visit({hf + "post_attention_layernorm.weight",
         gg + "ffn_norm.weight",
         {c.hidden_size},
         Kind::vector},
        layer.post_attention_layernorm.weight);
  if (c.is_moe_layer(l)) return visit_moe(l, visit);
  visit({hf + "mlp.gate_proj.weight", gg + "ffn_gate.weight", {c.intermediate_size, c.hidden_size}},
        layer.mlp.gate_proj.weight);
  visit({hf + "mlp.up_proj.weight", gg + "ffn_up.weight", {c.intermediate_size, c.hidden_size}},
        layer.mlp.up_proj.weight);
  visit({hf + "mlp.down_proj.weight", gg + "ffn_down.weight", {c.hidden_size, c.intermediate_size}},
        layer.mlp.down_proj.weight);
}

void DeepseekModel::visit_mtp(const TensorVisitor& visit) {
  const DeepseekConfig& c = config_;
  const std::string hf = fmt::format("model.layers.{}.", c.num_hidden_layers);
  const std::string gg = fmt::format("blk.{}.nextn.", c.num_hidden_layers);
  const Shape norm = {c.hidden_size};
  visit({hf + "enorm.weight", gg + "enorm.weight", norm, Kind::vector}, mtp_.enorm.weight);
  visit({hf + "hnorm.weight", gg + "hnorm.weight", norm, Kind::vector}, mtp_.hnorm.weight);
  visit({hf + "eh_proj.weight", gg + "eh_proj.weight", {c.hidden_size, 2 * c.hidden_size}},
        mtp_.eh_proj.weight);
  visit_layer(c.num_hidden_layers, visit);
  visit({hf + "shared_head.norm.weight", gg + "shared_head_norm.weight", norm, Kind::vector},
        mtp_.shared_head_norm.weight);
}

void DeepseekModel::visit_attention(int64_t l, const TensorVisitor& visit) {
  const DeepseekConfig& c = config_;
  Attention& w = layers_[static_cast<size_t>(l)].attention;
  const std::string hf = fmt::format("model.layers.{}.", l);
  const std::string at = hf + "self_attn.";
  const std::string gg = fmt::format("blk.{}.", l);
  const int64_t heads = c.num_attention_heads;
  visit({hf + "input_layernorm.weight", gg + "attn_norm.weight", {c.hidden_size}, Kind::vector},
        w.input_layernorm.weight);
  if (c.q_lora_rank > 0) {
    visit({at + "q_a_proj.weight", gg + "attn_q_a.weight", {c.q_lora_rank, c.hidden_size}},
          w.q_a_proj.weight);
    visit({at + "q_a_layernorm.weight", gg + "attn_q_a_norm.weight", {c.q_lora_rank}, Kind::vector},
          w.q_a_layernorm.weight);
    visit(
        {at + "q_b_proj.weight", gg + "attn_q_b.weight", {heads * c.qk_head_dim(), c.q_lora_rank}},
        w.q_b_proj.weight);
  } else {
    visit({at + "q_proj.weight", gg + "attn_q.weight", {heads * c.qk_head_dim(), c.hidden_size}},
          w.q_proj.weight);
  }
  visit({at + "kv_a_proj_with_mqa.weight",
         gg + "attn_kv_a_mqa.weight",
         {c.kv_lora_rank + c.qk_rope_head_dim, c.hidden_size}},
        w.kv_a_proj_with_mqa.weight);
  visit(
      {at + "kv_a_layernorm.weight", gg + "attn_kv_a_norm.weight", {c.kv_lora_rank}, Kind::vector},
      w.kv_a_layernorm.weight);
  // llama.cpp wrote kv_b whole until April 2025 and split and transposed since; finish_load makes
  // sure that one of the two forms is there.
  visit({at + "kv_b_proj.weight",
         gg + "attn_kv_b.weight",
         {heads * (c.qk_nope_head_dim + c.v_head_dim), c.kv_lora_rank},
         Kind::latent,
         true},
        w.kv_b_proj);
  visit(
      {"", gg + "attn_k_b.weight", {heads, c.kv_lora_rank, c.qk_nope_head_dim}, Kind::latent, true},
      w.k_b);
  visit({"", gg + "attn_v_b.weight", {heads, c.v_head_dim, c.kv_lora_rank}, Kind::latent, true},
        w.v_b);
  visit({at + "o_proj.weight", gg + "attn_output.weight", {c.hidden_size, heads * c.v_head_dim}},
        w.o_proj.weight);
}

void DeepseekModel::visit_moe(int64_t l, const TensorVisitor& visit) {
  const DeepseekConfig& c = config_;
  MoeWeights& w = layers_[static_cast<size_t>(l)].moe;
  const std::string hf = fmt::format("model.layers.{}.mlp.", l);
  const std::string gg = fmt::format("blk.{}.", l);
  visit({hf + "gate.weight",
         gg + "ffn_gate_inp.weight",
         {c.n_routed_experts, c.hidden_size},
         Kind::router},
        w.gate);
  if (c.topk_method == "noaux_tc") {
    visit({hf + "gate.e_score_correction_bias",
           gg + "exp_probs_b.bias",
           {c.n_routed_experts},
           Kind::vector},
          w.e_score_correction_bias);
  }
  const Shape into = {c.moe_intermediate_size, c.hidden_size};
  const Shape back = {c.hidden_size, c.moe_intermediate_size};
  for (int64_t e = 0; e < c.n_routed_experts; ++e) {
    Expert& expert = w.experts[static_cast<size_t>(e)];
    const std::string at = fmt::format("{}experts.{}.", hf, e);
    visit({at + "gate_proj.weight", gg + "ffn_gate_exps.weight", into, Kind::matrix, false, e},
          expert.gate_proj.weight);
    visit({at + "up_proj.weight", gg + "ffn_up_exps.weight", into, Kind::matrix, false, e},
          expert.up_proj.weight);
    visit({at + "down_proj.weight", gg + "ffn_down_exps.weight", back, Kind::matrix, false, e},
          expert.down_proj.weight);
  }
  if (c.n_shared_experts == 0) return;
  const int64_t width = c.n_shared_experts * c.moe_intermediate_size;
  visit({hf + "shared_experts.gate_proj.weight",
         gg + "ffn_gate_shexp.weight",
         {width, c.hidden_size}},
        w.shared.gate_proj.weight);
  visit({hf + "shared_experts.up_proj.weight", gg + "ffn_up_shexp.weight", {width, c.hidden_size}},
        w.shared.up_proj.weight);
  visit({hf + "shared_experts.down_proj.weight",
         gg + "ffn_down_shexp.weight",
         {c.hidden_size, width}},
        w.shared.down_proj.weight);
}

Status DeepseekModel::finish_load(Backend& backend) {
  if (config_.tie_word_embeddings) lm_head_.weight = embed_tokens_;
  for (size_t l = 0; l < layers_.size(); ++l) {
    Attention& w = layers_[l].attention;
    if (!w.kv_b_proj.present() && !(w.k_b.present() && w.v_b.present())) {
      return error(Code::corrupt,
                   "layer {}: expected `kv_b_proj` (GGUF: attn_kv_b, or attn_k_b and attn_v_b), "
                   "found none",
                   l);
    }
    TRY_ASSIGN(w.maps, backend.prepare_latents(latent_shape(w)));
  }
  return Status::ok();
}

}  // namespace hearth
