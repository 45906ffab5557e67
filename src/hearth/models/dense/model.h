// Llama 3, Qwen2 and Qwen3, the bases of the R1 distills.
#pragma once

#include <vector>

#include "hearth/models/blocks/ffn.h"
#include "hearth/models/dense/config.h"
#include "hearth/models/model.h"

namespace hearth {

class DenseModel : public Model {
 public:
  explicit DenseModel(DenseConfig config);

  const ModelInfo& info() const override { return info_; }
  const DenseConfig& config() const { return config_; }
  KvSpec kv_spec(Format format) const override;
  void visit_tensors(const TensorVisitor& visit) override;
  Status finish_load(Backend& backend) override;
  Outputs forward(Backend& b, const Batch& batch, KvCache& cache) const override;

 private:
  struct Layer {
    Norm input_layernorm;
    Linear q_proj, k_proj, v_proj;  // [heads * head_dim, hidden], k and v with kv_heads
    Norm q_norm, k_norm;            // [head_dim], Qwen3
    Linear o_proj;                  // [hidden, heads * head_dim]
    Norm post_attention_layernorm;
    SwigluWeights mlp;
  };

  void visit_attention(int64_t layer, const TensorVisitor& visit);
  void visit_mlp(int64_t layer, const TensorVisitor& visit);
  void attend(Backend& b, Tensor x, int64_t layer, const Batch& batch, KvCache& cache) const;

  DenseConfig config_;
  ModelInfo info_;
  Rope rope_;
  Weight embed_tokens_;
  std::vector<Layer> layers_;
  Norm norm_;
  Linear lm_head_;
};

}  // namespace hearth
