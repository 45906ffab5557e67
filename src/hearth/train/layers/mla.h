// Multi-head latent attention of DeepSeek-V2 and V3 as a chain of projections: training always
// expands keys and values from the latents, as prompts do when the model runs.
#pragma once

#include "hearth/train/layers/sublayer.h"
#include "hearth/train/verbs/linear.h"
#include "hearth/train/verbs/norm.h"

namespace hearth::train {

template <typename T>
struct MlaWeights {
  RmsNorm<T> norm;
  Projection<T> q;    // q_proj, or q_b_proj behind q_a and q_a_norm
  Projection<T> q_a;  // absent while q_a_norm's weight is null
  RmsNorm<T> q_a_norm;
  Projection<T> kv_a;    // kv_a_proj_with_mqa [kv_lora_rank + rope, hidden]
  RmsNorm<T> kv_a_norm;  // [kv_lora_rank]
  Projection<T> kv_b;    // [heads * (nope + v), kv_lora_rank]
  Projection<T> o;
  int64_t heads = 0;
  int64_t nope = 0;
  int64_t rope = 0;
  int64_t v_dim = 0;
  int64_t rank = 0;
  double scale = 0;  // of the scores
};

template <typename T>
class MlaSublayer : public Sublayer<T> {
 public:
  explicit MlaSublayer(MlaWeights<T> weights) : w_(weights) {}
  Matrix<T> forward(Pass& pass, Matrix<T> x) override;
  void backward(Pass& pass, Matrix<T> dx) override;

 private:
  // Heads of a matrix [rows, heads * (nope + rope)], their rotated part, and the two halves of an
  // expanded latent [rows, heads * (nope + v)].
  Heads<T> whole(Matrix<T> m) const { return {m, 0, w_.nope + w_.rope, w_.nope + w_.rope}; }
  Heads<T> rotated(Matrix<T> m) const { return {m, w_.nope, w_.nope + w_.rope, w_.rope}; }
  Heads<T> values(Matrix<T> m) const { return {m, w_.nope, w_.nope + w_.v_dim, w_.v_dim}; }
  Heads<T> outputs(Matrix<T> m) const { return {m, 0, w_.v_dim, w_.v_dim}; }
  Heads<T> shared_key(Matrix<T> kv_a) const { return {kv_a, w_.rank, 0, w_.rope}; }

  Matrix<T> queries(Pass& pass);
  Matrix<T> keys(Pass& pass, Matrix<T> expanded) const;
  void keys_backward(Pass& pass, Matrix<T> dk, Matrix<T> dexpanded, Matrix<T> dkv_a) const;

  MlaWeights<T> w_;
  Matrix<T> x_, normed_, q_a_, q_a_normed_, kv_a_, latents_;
  Attention<T> attention_;
};

}  // namespace hearth::train
