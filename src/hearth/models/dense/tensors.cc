// The tensors of Llama 3, Qwen2 and Qwen3: Hugging Face name, llama.cpp name, shape, place.
#include <fmt/format.h>

#include "hearth/models/dense/model.h"

namespace hearth {
namespace {

using Kind = TensorKind;

// A projection and, where the architecture has one, its bias.
void visit_linear(const TensorVisitor& visit, const std::string& hf, const std::string& gguf,
                  const Shape& shape, bool bias, Linear& linear) {
  visit({hf + ".weight", gguf + ".weight", shape}, linear.weight);
  if (bias) visit({hf + ".bias", gguf + ".bias", {shape[0]}, Kind::vector}, linear.bias);
}

}  // namespace

DenseModel::DenseModel(DenseConfig config) : config_(std::move(config)) {
  const DenseConfig& c = config_;
  info_ = {c.model_type,
           c.vocab_size,
           c.hidden_size,
           c.num_hidden_layers,
           c.max_position_embeddings,
           c.num_attention_heads};
  rope_ = c.rope.make(c.head_dim, c.rope_pairs);
  layers_.resize(static_cast<size_t>(c.num_hidden_layers));
  norm_.eps = c.rms_norm_eps;
  for (Layer& layer : layers_) {
    layer.input_layernorm.eps = c.rms_norm_eps;
    layer.post_attention_layernorm.eps = c.rms_norm_eps;
    layer.q_norm.eps = c.rms_norm_eps;
    layer.k_norm.eps = c.rms_norm_eps;
  }
}

KvSpec DenseModel::kv_spec(Format format) const {
  return {config_.num_hidden_layers, 2 * config_.num_key_value_heads * config_.head_dim, format,
          config_.num_key_value_heads};
}

void DenseModel::visit_tensors(const TensorVisitor& visit) {
  const DenseConfig& c = config_;
  visit({"model.embed_tokens.weight",
         "token_embd.weight",
         {c.vocab_size, c.hidden_size},
         c.tie_word_embeddings ? Kind::head : Kind::embedding},
        embed_tokens_);
  for (int64_t l = 0; l < c.num_hidden_layers; ++l) {
    visit_attention(l, visit);
    visit_mlp(l, visit);
  }
  visit({"model.norm.weight", "output_norm.weight", {c.hidden_size}, Kind::vector}, norm_.weight);
  if (c.tie_word_embeddings) return;  // finish_load shares the embedding
  visit({"lm_head.weight", "output.weight", {c.vocab_size, c.hidden_size}}, lm_head_.weight);
}

void DenseModel::visit_attention(int64_t l, const TensorVisitor& visit) {
  const DenseConfig& c = config_;
  Layer& w = layers_[static_cast<size_t>(l)];
  const std::string hf = fmt::format("model.layers.{}.", l);
  const std::string gg = fmt::format("blk.{}.", l);
  const int64_t q = c.num_attention_heads * c.head_dim;
  const int64_t kv = c.num_key_value_heads * c.head_dim;
  visit({hf + "input_layernorm.weight", gg + "attn_norm.weight", {c.hidden_size}, Kind::vector},
        w.input_layernorm.weight);
  visit_linear(visit, hf + "self_attn.q_proj", gg + "attn_q", {q, c.hidden_size}, c.qkv_bias,
               w.q_proj);
  visit_linear(visit, hf + "self_attn.k_proj", gg + "attn_k", {kv, c.hidden_size}, c.qkv_bias,
               w.k_proj);
  visit_linear(visit, hf + "self_attn.v_proj", gg + "attn_v", {kv, c.hidden_size}, c.qkv_bias,
               w.v_proj);
  if (c.model_type == "qwen3") {
    visit({hf + "self_attn.q_norm.weight", gg + "attn_q_norm.weight", {c.head_dim}, Kind::vector},
          w.q_norm.weight);
    visit({hf + "self_attn.k_norm.weight", gg + "attn_k_norm.weight", {c.head_dim}, Kind::vector},
          w.k_norm.weight);
  }
  visit_linear(visit, hf + "self_attn.o_proj", gg + "attn_output", {c.hidden_size, q}, c.o_bias,
               w.o_proj);
}

void DenseModel::visit_mlp(int64_t l, const TensorVisitor& visit) {
  const DenseConfig& c = config_;
  Layer& w = layers_[static_cast<size_t>(l)];
  const std::string hf = fmt::format("model.layers.{}.", l);
  const std::string gg = fmt::format("blk.{}.", l);
  const Shape into = {c.intermediate_size, c.hidden_size};
  visit({hf + "post_attention_layernorm.weight",
         gg + "ffn_norm.weight",
         {c.hidden_size},
         Kind::vector},
        w.post_attention_layernorm.weight);
  visit_linear(visit, hf + "mlp.gate_proj", gg + "ffn_gate", into, c.mlp_bias, w.mlp.gate_proj);
  visit_linear(visit, hf + "mlp.up_proj", gg + "ffn_up", into, c.mlp_bias, w.mlp.up_proj);
  visit_linear(visit, hf + "mlp.down_proj", gg + "ffn_down", {c.hidden_size, c.intermediate_size},
               c.mlp_bias, w.mlp.down_proj);
}

Status DenseModel::finish_load(Backend&) {
  if (config_.tie_word_embeddings) lm_head_.weight = embed_tokens_;
  return Status::ok();
}

}  // namespace hearth
