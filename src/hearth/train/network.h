// Network: a loaded model as training runs it: the model's own tensors, the layers over them with
// their gradients, and the parameters that learn. Its forward pass is held to the one that serves.
#pragma once

#include <deque>
#include <memory>
#include <numeric>
#include <string_view>
#include <vector>

#include "hearth/models/model.h"
#include "hearth/train/layers/ffn.h"
#include "hearth/train/layers/sublayer.h"
#include "hearth/train/targets.h"

namespace hearth::train {

// How the second matrix of an adapter is called, behind the name of what it goes beside.
inline constexpr std::string_view kAdapterB = ".lora_B.weight";

// Documents one behind the other, and the rows whose next token is to be learned.
struct TokenBatch {
  std::vector<int32_t> tokens;  // [rows]
  std::vector<Document> documents;
  std::vector<int64_t> rows;     // supervised, ascending
  std::vector<int32_t> targets;  // what follows each of them
  // Of replies that were drawn and rewarded (grpo.h), one for each target; empty: all targets are
  // to be learned alike.
  std::vector<double> advantages;
  std::vector<double> base_losses;  // -log p of the targets by the base, without an adapter
};

inline double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// What learns.
struct AdapterSpec {
  Targets targets;
  int64_t rank = 16;
  double alpha = 32;
  uint64_t seed = 0;
};

struct NetworkOptions {
  std::optional<AdapterSpec> adapter;  // nullopt: every weight learns
  bool checkpoints = true;             // layers are worked out again instead of being kept
  double balance_alpha = 0;            // of the sequence-wise balance loss (full tuning)
};

// How much each part of a pass counts in the gradient; the inverse of what the whole step holds.
struct PassWeights {
  double target = 1;  // of a supervised token's loss
  double token = 1;   // of a token's balance loss
  double kl = 0;      // beside an advantage: of the divergence from the base
};

template <typename T>
class Network {
 public:
  // Frozen weights stay views of the model, which must outlive the network.
  // unsupported: an architecture that training does not know.
  static Result<std::unique_ptr<Network>> build(Model& model, const NetworkOptions& options);

  // In the model's order; adapters as A, B.
  const std::vector<Parameter<T>*>& learned() const { return learned_; }
  // Correction biases of routers, which move by the load of experts and not by a gradient.
  const std::vector<Parameter<T>*>& balances() const { return balances_; }

  // The loss of each supervised row, -log p(target); adds the gradient of their weighted sum. A
  // target with an advantage A counts A + kl (p_base / p - 1): the gradient of -A log p and of the
  // estimate p_base/p - log(p_base/p) - 1 of the divergence (Shao et al. 2024, DeepSeekMath, 4.1).
  std::vector<double> accumulate(Compute& c, const TokenBatch& batch, PassWeights weights);
  // The same losses without gradients.
  std::vector<double> losses(Compute& c, const TokenBatch& batch);
  // And by the base: as if no adapter were there.
  std::vector<double> base_losses(Compute& c, const TokenBatch& batch);
  // Logits [rows, vocabulary] of all rows, in memory of `c` until its next pass.
  Matrix<T> logits(Compute& c, const TokenBatch& batch);

  void clear_gradients();
  // Ends an optimizer step for the experts' balance: see MoeSublayer. MaxVio of the worst layer.
  double end_step(double rate);

  int64_t vocabulary() const { return head_.out(); }

 private:
  template <typename U>
  friend class NetworkBuilder;
  Network() = default;

  Matrix<T> embed(Compute& c, const std::vector<int32_t>& tokens);
  Matrix<T> run_layers(Pass& pass, Matrix<T> x, std::vector<Matrix<T>>& inputs, bool keep);
  void layers_backward(Pass& pass, const std::vector<Matrix<T>>& inputs, Matrix<T> dx);
  std::vector<double> head_losses(Compute& c, Matrix<T> x, const TokenBatch& batch,
                                  const PassWeights* weights, Matrix<T>* dx);
  Pass start(Compute& c, const TokenBatch& batch);

  std::deque<Parameter<T>> parameters_;
  std::deque<Weight> joined_;  // weights that a file stores in two pieces
  std::vector<Parameter<T>*> learned_, balances_;
  Operand<T> embedding_;
  std::vector<std::unique_ptr<Sublayer<T>>> sublayers_;  // two a layer
  std::vector<MoeSublayer<T>*> moes_;
  RmsNorm<T> norm_;
  Projection<T> head_;
  Rope rope_;
  std::unique_ptr<RopeTable> table_;  // of the longest document so far
  int64_t positions_ = 0;
  bool checkpoints_ = true;
};

}  // namespace hearth::train
