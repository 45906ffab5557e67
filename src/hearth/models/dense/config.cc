// config.json or GGUF keys -> DenseConfig.
#include "hearth/models/dense/config.h"

#include <cmath>

namespace hearth {
namespace {

constexpr int64_t kDimMax = 1 << 20;

Status read_attention(const Json& j, DenseConfig& c) {
  TRY_ASSIGN(c.num_attention_heads, json_int(j, "num_attention_heads", 1, 4096));
  TRY_ASSIGN(c.num_key_value_heads,
             json_int_or(j, "num_key_value_heads", c.num_attention_heads, 1, 4096));
  TRY_ASSIGN(c.head_dim,
             json_int_or(j, "head_dim", c.hidden_size / c.num_attention_heads, 1, 8192));
  TRY_ASSIGN(const bool attention_bias, json_bool_or(j, "attention_bias", false));
  c.qkv_bias = attention_bias || c.model_type == "qwen2";
  c.o_bias = attention_bias && c.model_type != "qwen2";
  TRY_ASSIGN(const bool sliding, json_bool_or(j, "use_sliding_window", false));
  if (sliding) {
    return error(Code::unsupported, "`use_sliding_window`: expected false, found true");
  }
  return Status::ok();
}

// Llama 3.1's scaling comes as one divisor for each frequency in a tensor of the file.
Status read_frequency_factors(const Gguf& gguf, DenseConfig& c) {
  const TensorEntry* entry = gguf.find("rope_freqs.weight");
  if (!entry) return Status::ok();
  const Tensor& t = entry->tensor;
  if (entry->format != Format::f32 || t.shape.elements() != c.head_dim / 2) {
    return error(Code::corrupt, "`rope_freqs.weight`: expected f32 [{}], found {} {}",
                 c.head_dim / 2, entry->dtype, t.shape.to_string());
  }
  for (float factor : t.f32()) {
    if (!(factor > 0) || std::isinf(factor)) {
      return error(Code::corrupt, "`rope_freqs.weight`: expected positive numbers, found {}",
                   factor);
    }
    c.rope.frequency_factors.push_back(factor);
  }
  return Status::ok();
}

}  // namespace

Result<DenseConfig> DenseConfig::from_hf(const Json& j) {
  DenseConfig c;
  TRY_ASSIGN(c.model_type, json_string(j, "model_type"));
  TRY_ASSIGN(c.vocab_size, json_int(j, "vocab_size", 1, 1 << 24));
  TRY_ASSIGN(c.hidden_size, json_int(j, "hidden_size", 1, kDimMax));
  TRY_ASSIGN(c.intermediate_size, json_int(j, "intermediate_size", 1, kDimMax));
  TRY_ASSIGN(c.num_hidden_layers, json_int(j, "num_hidden_layers", 1, 512));
  TRY(read_attention(j, c));
  TRY_ASSIGN(c.mlp_bias, json_bool_or(j, "mlp_bias", false));
  TRY_ASSIGN(c.tie_word_embeddings, json_bool_or(j, "tie_word_embeddings", false));
  TRY_ASSIGN(c.rms_norm_eps, json_number_or(j, "rms_norm_eps", 1e-6, 1e-20, 1));
  TRY_ASSIGN(c.max_position_embeddings,
             json_int_or(j, "max_position_embeddings", 2048, 1, 1 << 30));
  TRY_ASSIGN(c.rope, RopeConfig::from_hf(j, c.max_position_embeddings));
  TRY(c.check());
  return c;
}

Result<DenseConfig> DenseConfig::from_gguf(const Gguf& gguf) {
  DenseConfig c;
  TRY_ASSIGN(c.model_type, gguf.get_string("general.architecture"));
  const GgufFields f(gguf, c.model_type);
  TRY_ASSIGN(c.vocab_size, f.vocab_size());
  TRY_ASSIGN(c.hidden_size, f.size("embedding_length", 1, kDimMax));
  TRY_ASSIGN(c.intermediate_size, f.size("feed_forward_length", 1, kDimMax));
  TRY_ASSIGN(c.num_hidden_layers, f.size("block_count", 1, 512));
  TRY_ASSIGN(c.num_attention_heads, f.size("attention.head_count", 1, 4096));
  TRY_ASSIGN(c.num_key_value_heads,
             f.size_or("attention.head_count_kv", c.num_attention_heads, 1, 4096));
  TRY_ASSIGN(c.head_dim,
             f.size_or("attention.key_length", c.hidden_size / c.num_attention_heads, 1, 8192));
  TRY_ASSIGN(const int64_t rotated, f.size_or("rope.dimension_count", c.head_dim, 1, 1 << 20));
  if (rotated != c.head_dim) {
    return error(Code::unsupported,
                 "`{}.rope.dimension_count`: expected all {} dimensions of a head, found {}",
                 c.model_type, c.head_dim, rotated);
  }
  TRY_ASSIGN(c.max_position_embeddings, f.size("context_length", 1, 1 << 30));
  TRY_ASSIGN(c.rms_norm_eps, f.number_or("attention.layer_norm_rms_epsilon", 1e-6, 1e-20, 1));
  c.qkv_bias = f.has_tensor("blk.0.attn_q.bias");
  c.o_bias = f.has_tensor("blk.0.attn_output.bias");
  c.mlp_bias = f.has_tensor("blk.0.ffn_gate.bias");
  c.tie_word_embeddings = !f.has_tensor("output.weight");
  if (c.model_type == "llama") c.rope_pairs = RopePairs::interleaved;
  TRY_ASSIGN(c.rope, RopeConfig::from_gguf(f));
  TRY(read_frequency_factors(gguf, c));
  TRY(c.check());
  return c;
}

Status DenseConfig::check() const {
  if (num_attention_heads % num_key_value_heads != 0) {
    return error(Code::invalid,
                 "`num_key_value_heads`: expected a divisor of num_attention_heads {}, found {}",
                 num_attention_heads, num_key_value_heads);
  }
  if (head_dim < 2 || head_dim % 2 != 0) {
    return error(Code::invalid, "`head_dim`: expected an even number, found {}", head_dim);
  }
  return Status::ok();
}

}  // namespace hearth
