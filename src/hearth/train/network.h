// Network: a loaded model as training runs it: the model's own tensors, the layers over them with
// their gradients, and the parameters that learn. Its forward pass is held to the one that serves.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "hearth/models/model.h"
#include "hearth/train/layers/ffn.h"
#include "hearth/train/layers/sublayer.h"
#include "hearth/train/targets.h"

namespace hearth::train {

// Documents one behind the other, and the rows whose next token is to be learned.
struct TokenBatch {
  std::vector<int32_t> tokens;  // [rows]
  std::vector<Document> documents;
  std::vector<int64_t> rows;     // supervised, ascending
  std::vector<int32_t> targets;  // what follows each of them
};

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

  // Sum over the supervised rows of their loss; adds the gradient of its weighted sum.
  double accumulate(Compute& c, const TokenBatch& batch, PassWeights weights);
  // The same sum without gradients.
  double loss(Compute& c, const TokenBatch& batch);
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
  double head_loss(Compute& c, Matrix<T> x, const TokenBatch& batch, double weight, Matrix<T>* dx);
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
