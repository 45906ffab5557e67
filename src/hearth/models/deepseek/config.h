// DeepSeek-V2 and V3 (R1) configurations, with the exact Hugging Face field names.
#pragma once

#include "hearth/models/model.h"
#include "hearth/models/model_hints.h"
#include "hearth/models/rope_config.h"

namespace hearth {

// The norms of the latents use this, whatever `rms_norm_eps` says: DeepSeek's published code and
// transformers build them without passing it on.
inline constexpr double kLatentNormEps = 1e-6;

struct DeepseekConfig {
  std::string model_type;  // deepseek_v2 | deepseek_v3
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t moe_intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_nextn_predict_layers = 0;  // for multi-token prediction; the first is used
  int64_t num_attention_heads = 0;
  int64_t q_lora_rank = 0;  // 0: null in json, queries are projected in one step
  int64_t kv_lora_rank = 0;
  int64_t qk_nope_head_dim = 0;
  int64_t qk_rope_head_dim = 0;
  int64_t v_head_dim = 0;
  int64_t n_routed_experts = 0;  // 0: no mixture of experts
  int64_t n_shared_experts = 0;
  int64_t num_experts_per_tok = 0;
  int64_t n_group = 1;
  int64_t topk_group = 1;
  int64_t first_k_dense_replace = 0;
  int64_t moe_layer_freq = 1;
  bool norm_topk_prob = false;
  double routed_scaling_factor = 1;
  ExpertScoring scoring_func = ExpertScoring::softmax;
  std::string topk_method;  // greedy | group_limited_greedy | noaux_tc
  bool tie_word_embeddings = false;
  double rms_norm_eps = 1e-6;
  int64_t max_position_embeddings = 4096;
  RopeConfig rope;
  RopePairs rope_pairs = RopePairs::interleaved;

  static Result<DeepseekConfig> from_hf(const Json& config);
  // `notices` gets a line for every value that the file lacks and the known shape supplies.
  static Result<DeepseekConfig> from_gguf(const Gguf& gguf, std::vector<std::string>& notices,
                                          const ModelHints& hints = {});

  // Decoder blocks: of the model, and of the layer for multi-token prediction behind them.
  int64_t blocks() const { return num_hidden_layers + (num_nextn_predict_layers > 0 ? 1 : 0); }
  bool is_moe_layer(int64_t layer) const {
    return n_routed_experts > 0 && layer >= first_k_dense_replace && layer % moe_layer_freq == 0;
  }
  int64_t qk_head_dim() const { return qk_nope_head_dim + qk_rope_head_dim; }
  double softmax_scale() const;  // qk_head_dim^-0.5, times mscale^2 under YaRN
  RouteExperts routing() const;  // the constants of the router; tensors unset
  Status check() const;          // what must hold between the fields
};

}  // namespace hearth
