// DeepSeek-V2, V3 and R1: multi-head latent attention over a compressed cache, and a mixture of
// experts behind the first dense layers; V3 and R1 with their layer for multi-token prediction.
#pragma once

#include <vector>

#include "hearth/models/blocks/ffn.h"
#include "hearth/models/deepseek/config.h"
#include "hearth/models/model.h"

namespace hearth {

class DeepseekModel : public Model {
 public:
  explicit DeepseekModel(DeepseekConfig config);

  const ModelInfo& info() const override { return info_; }
  const DeepseekConfig& config() const { return config_; }
  KvSpec kv_spec(Format format) const override;
  void visit_tensors(const TensorVisitor& visit) override;
  Status finish_load(Backend& backend) override;
  Outputs forward(Backend& b, const Batch& batch, KvCache& cache) const override;
  bool has_mtp() const override { return config_.num_nextn_predict_layers > 0; }
  Outputs forward_mtp(Backend& b, const Batch& batch, std::span<const int64_t> states,
                      KvCache& cache) const override;

 private:
  struct Attention {
    Norm input_layernorm;
    Linear q_proj;              // without q_lora_rank
    Linear q_a_proj, q_b_proj;  // with q_lora_rank
    Norm q_a_layernorm;
    Linear kv_a_proj_with_mqa;  // [kv_lora_rank + qk_rope_head_dim, hidden]
    Norm kv_a_layernorm;
    Weight kv_b_proj;  // [heads * (qk_nope_head_dim + v_head_dim), kv_lora_rank]
    Weight k_b, v_b;   // newer GGUF: [heads, kv_lora_rank, nope], [heads, v, rank]
    std::shared_ptr<const BackendForm> maps;  // of both, as the backend multiplies by them
    Linear o_proj;
  };
  struct Layer {
    Attention attention;
    Norm post_attention_layernorm;
    SwigluWeights mlp;  // dense layers
    MoeWeights moe;     // the others
  };

  // What the layer for multi-token prediction has beside its block, the last of layers_.
  struct Mtp {
    Norm enorm, hnorm;      // of the embedding and of the state
    Linear eh_proj;         // [hidden, 2 * hidden]
    Norm shared_head_norm;  // before the head, which is the model's
  };

  void visit_layer(int64_t layer, const TensorVisitor& visit);
  void visit_attention(int64_t layer, const TensorVisitor& visit);
  void visit_moe(int64_t layer, const TensorVisitor& visit);
  void visit_mtp(const TensorVisitor& visit);
  AttendMla latent_shape(const Attention& w) const;
  void decode(Backend& b, Tensor x, int64_t layer, const Batch& batch, KvCache& cache) const;
  void attend(Backend& b, Tensor x, int64_t layer, const Batch& batch, KvCache& cache) const;
  void project(Backend& b, std::span<const int32_t> tokens, std::span<const int64_t> states,
               const KvCache& cache, Tensor x) const;

  DeepseekConfig config_;
  ModelInfo info_;
  Rope rope_;
  Weight embed_tokens_;
  std::vector<Layer> layers_;  // [config_.blocks()]
  Norm norm_;
  Linear lm_head_;
  Mtp mtp_;
};

}  // namespace hearth
