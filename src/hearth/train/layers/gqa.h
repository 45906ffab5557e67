// Grouped-query attention of Llama, Qwen2 and Qwen3.
#pragma once

#include "hearth/train/layers/sublayer.h"
#include "hearth/train/verbs/linear.h"
#include "hearth/train/verbs/norm.h"

namespace hearth::train {

template <typename T>
struct GqaWeights {
  RmsNorm<T> norm;
  Projection<T> q, k, v, o;
  RmsNorm<T> q_norm, k_norm;  // Qwen3; absent while their weight is null
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
};

template <typename T>
class GqaSublayer : public Sublayer<T> {
 public:
  explicit GqaSublayer(GqaWeights<T> weights) : w_(weights) {}
  Matrix<T> forward(Pass& pass, Matrix<T> x) override;
  void backward(Pass& pass, Matrix<T> dx) override;

 private:
  Heads<T> heads(Matrix<T> m) const { return {m, 0, w_.head_dim, w_.head_dim}; }

  GqaWeights<T> w_;
  Matrix<T> x_, normed_, q_raw_, k_raw_;  // raw: before q_norm and k_norm
  Attention<T> attention_;
};

}  // namespace hearth::train
