// Configurations of the dense decoders that the R1 distills are made of: Qwen2, Qwen3 and Llama 3.
// One shape with grouped-query attention; they differ in two tensors (projection biases, q/k
// norms).
#pragma once

#include "hearth/models/model.h"
#include "hearth/models/rope_config.h"

namespace hearth {

struct DenseConfig {
  std::string model_type;  // llama | qwen2 | qwen3
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  bool qkv_bias = false;  // Qwen2 always, Llama by `attention_bias`
  bool o_bias = false;    // Llama and Qwen3 by `attention_bias`
  bool mlp_bias = false;
  bool tie_word_embeddings = false;
  double rms_norm_eps = 1e-6;
  int64_t max_position_embeddings = 2048;
  RopeConfig rope;
  RopePairs rope_pairs = RopePairs::halves;  // GGUF's llama permutes q and k to interleaved

  static Result<DenseConfig> from_hf(const Json& config);
  static Result<DenseConfig> from_gguf(const Gguf& gguf);
  Status check() const;
};

}  // namespace hearth
