// See network.h.
#include "hearth/train/network.h"

#include <cmath>

#include "hearth/train/verbs/cross_entropy.h"

namespace hearth::train {

template <typename T>
Matrix<T> Network<T>::embed(Compute& c, const std::vector<int32_t>& tokens) {
  const Matrix<T> x = c.take<T>(static_cast<int64_t>(tokens.size()), embedding_.in());
  const Right<T> table = embedding_.right(false);
  for (int64_t t = 0; t < x.rows; ++t) {
    table.read(tokens[static_cast<size_t>(t)], 0, x.columns, x.row(t));
  }
  return x;
}

// `inputs` receives what each layer was given. Without `keep` a layer's activations are let go.
template <typename T>
Matrix<T> Network<T>::run_layers(Pass& pass, Matrix<T> x, std::vector<Matrix<T>>& inputs,
                                 bool keep) {
  Compute& c = pass.compute;
  for (size_t s = 0; s < sublayers_.size(); s += 2) {
    inputs.push_back(x);
    if (keep) {
      x = sublayers_[s + 1]->forward(pass, sublayers_[s]->forward(pass, x));
      continue;
    }
    const Matrix<T> next = c.take<T>(x.rows, x.columns);
    const ComputeScope scope(c);
    next.copy_from(sublayers_[s + 1]->forward(pass, sublayers_[s]->forward(pass, x)));
    x = next;
  }
  return x;
}

template <typename T>
void Network<T>::layers_backward(Pass& pass, const std::vector<Matrix<T>>& inputs, Matrix<T> dx) {
  Compute& c = pass.compute;
  for (size_t layer = inputs.size(); layer-- > 0;) {
    Sublayer<T>& attention = *sublayers_[2 * layer];
    Sublayer<T>& feed_forward = *sublayers_[2 * layer + 1];
    const ComputeScope scope(c);
    if (checkpoints_) feed_forward.forward(pass, attention.forward(pass, inputs[layer]));
    feed_forward.backward(pass, dx);
    attention.backward(pass, dx);
  }
}

namespace {

// What target `i`, of that loss, counts in the gradient.
double target_weight(const TokenBatch& batch, const PassWeights& weights, size_t i, double loss) {
  if (batch.advantages.empty()) return weights.target;
  double counts = batch.advantages[i];
  if (weights.kl > 0) counts += weights.kl * (std::exp(loss - batch.base_losses[i]) - 1);
  return weights.target * counts;
}

}  // namespace

// dx, with weights, receives the gradient of x.
template <typename T>
std::vector<double> Network<T>::head_losses(Compute& c, Matrix<T> x, const TokenBatch& batch,
                                            const PassWeights* weights, Matrix<T>* dx) {
  const auto rows = static_cast<int64_t>(batch.rows.size());
  const Matrix<T> last = c.take<T>(rows, x.columns);
  const Matrix<T> normed = c.take<T>(rows, x.columns);
  for (int64_t i = 0; i < rows; ++i) {
    std::copy_n(x.row(batch.rows[static_cast<size_t>(i)]), x.columns, last.row(i));
  }
  norm_.forward(c, last, normed);
  if (!weights) return cross_entropy<T>(c, head_, normed, batch.targets, nullptr);
  const Matrix<T> from = c.take<T>(rows, x.columns);
  const auto weight = [&](int64_t row, double loss) {
    return target_weight(batch, *weights, static_cast<size_t>(row), loss);
  };
  const CrossEntropyGradient<T> gradient{weight, from};
  std::vector<double> losses = cross_entropy<T>(c, head_, normed, batch.targets, &gradient);
  norm_.backward(c, last, from, from, Into::replace);
  dx->fill(0);
  for (int64_t i = 0; i < rows; ++i) {
    std::copy_n(from.row(i), x.columns, dx->row(batch.rows[static_cast<size_t>(i)]));
  }
  return losses;
}

template <typename T>
Pass Network<T>::start(Compute& c, const TokenBatch& batch) {
  c.reset();
  int64_t longest = 1;
  for (const Document& d : batch.documents) longest = std::max(longest, d.rows);
  if (longest > positions_) {
    table_ = std::make_unique<RopeTable>(rope_, longest);
    positions_ = longest;
  }
  return {c, batch.documents, table_.get()};
}

template <typename T>
std::vector<double> Network<T>::accumulate(Compute& c, const TokenBatch& batch,
                                           PassWeights weights) {
  Pass pass = start(c, batch);
  pass.balance_weight = weights.token;
  std::vector<Matrix<T>> inputs;
  const Matrix<T> x = run_layers(pass, embed(c, batch.tokens), inputs, !checkpoints_);
  Matrix<T> dx = c.take<T>(x.rows, x.columns);
  std::vector<double> losses = head_losses(c, x, batch, &weights, &dx);
  layers_backward(pass, inputs, dx);
  if (embedding_.learned && embedding_.learned->learns()) {
    const Matrix<T> gradient = embedding_.learned->gradients();
    for (int64_t t = 0; t < dx.rows; ++t) {
      T* to = gradient.row(batch.tokens[static_cast<size_t>(t)]);
      for (int64_t i = 0; i < dx.columns; ++i) to[i] += dx.row(t)[i];
    }
  }
  return losses;
}

template <typename T>
std::vector<double> Network<T>::losses(Compute& c, const TokenBatch& batch) {
  Pass pass = start(c, batch);
  std::vector<Matrix<T>> inputs;
  const Matrix<T> x = run_layers(pass, embed(c, batch.tokens), inputs, false);
  return head_losses(c, x, batch, nullptr, nullptr);
}

// An adapter whose B is zero adds nothing.
template <typename T>
std::vector<double> Network<T>::base_losses(Compute& c, const TokenBatch& batch) {
  std::vector<std::pair<Parameter<T>*, std::vector<T>>> held;
  for (Parameter<T>* p : learned_) {
    if (!p->name.ends_with(kAdapterB)) continue;
    held.emplace_back(p, std::move(p->value));
    p->value.assign(held.back().second.size(), T(0));
  }
  std::vector<double> out = losses(c, batch);
  for (auto& [p, value] : held) p->value = std::move(value);
  return out;
}

template <typename T>
Matrix<T> Network<T>::logits(Compute& c, const TokenBatch& batch) {
  Pass pass = start(c, batch);
  std::vector<Matrix<T>> inputs;
  const Matrix<T> x = run_layers(pass, embed(c, batch.tokens), inputs, false);
  norm_.forward(c, x, x);
  const Matrix<T> out = c.take<T>(x.rows, vocabulary());
  head_.forward(c, x, out, Into::replace);
  return out;
}

template <typename T>
void Network<T>::clear_gradients() {
  for (Parameter<T>* p : learned_) std::fill(p->gradient.begin(), p->gradient.end(), T(0));
}

template <typename T>
double Network<T>::end_step(double rate) {
  double worst = 0;
  for (MoeSublayer<T>* moe : moes_) worst = std::max(worst, moe->end_step(rate));
  return worst;
}

template class Network<float>;
template class Network<double>;

}  // namespace hearth::train
