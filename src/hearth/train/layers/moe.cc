// Tokens meet at an expert: its rows are gathered, multiplied together and added back, experts in
// their order, so that a token's sum does not depend on the threads.
#include <algorithm>

#include "hearth/train/layers/ffn.h"

namespace hearth::train {

template <typename T>
MoeSublayer<T>::MoeSublayer(MoeTensors<T> weights)
    : w_(std::move(weights)), load_(w_.experts.size()), groups_(w_.experts.size()) {
  copy_balance();
}

template <typename T>
void MoeSublayer<T>::copy_balance() {
  if (!w_.balance) return;
  balance_.resize(w_.balance->value.size());
  std::transform(w_.balance->value.begin(), w_.balance->value.end(), balance_.begin(),
                 [](T x) { return static_cast<float>(x); });
  balance_weight_.tensor = Tensor::packed(Format::f32, {static_cast<int64_t>(balance_.size())},
                                          reinterpret_cast<std::byte*>(balance_.data()));
}

template <typename T>
RouteExperts MoeSublayer<T>::rule() const {
  RouteExperts out = w_.rule;
  out.correction_bias = w_.balance ? &balance_weight_ : nullptr;
  return out;
}

template <typename T>
void MoeSublayer<T>::expert_forward(Pass& pass, size_t expert, Matrix<T> y) {
  Compute& c = pass.compute;
  Group& g = groups_[expert];
  const auto rows = static_cast<int64_t>(g.slots.size());
  if (rows == 0) return;
  const Matrix<T> x = c.take<T>(rows, y.columns);
  for (int64_t i = 0; i < rows; ++i) {
    std::copy_n(normed_.row(g.slots[static_cast<size_t>(i)] / routing_.chosen), y.columns,
                x.row(i));
  }
  g.out = c.take<T>(rows, y.columns);
  g.saved = w_.experts[expert].forward(c, x, g.out, Into::replace);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t slot = g.slots[static_cast<size_t>(i)];
    const T weight = routing_.weights[static_cast<size_t>(slot)];
    T* to = y.row(slot / routing_.chosen);
    for (int64_t d = 0; d < y.columns; ++d) to[d] += weight * g.out.row(i)[d];
  }
}

template <typename T>
Matrix<T> MoeSublayer<T>::forward(Pass& pass, Matrix<T> x) {
  Compute& c = pass.compute;
  x_ = x;
  normed_ = c.take<T>(x.rows, x.columns);
  w_.norm.forward(c, x, normed_);
  const Matrix<T> logits = c.take<T>(x.rows, w_.router.out());
  w_.router.forward(c, normed_, logits, Into::replace);
  copy_balance();  // a resumed run or a test may have set it
  routing_ = route(c, rule(), logits);
  for (Group& g : groups_) g.slots.clear();
  for (size_t slot = 0; slot < routing_.ids.size(); ++slot) {
    groups_[static_cast<size_t>(routing_.ids[slot])].slots.push_back(static_cast<int64_t>(slot));
  }
  const Matrix<T> y = residual_copy(c, x);
  for (size_t e = 0; e < groups_.size(); ++e) expert_forward(pass, e, y);
  if (w_.has_shared) shared_ = w_.shared.forward(c, normed_, y, Into::add);
  return y;
}

template <typename T>
void MoeSublayer<T>::expert_backward(Pass& pass, size_t expert, Matrix<T> dx, Matrix<T> dnormed,
                                     std::vector<T>& weight_gradients) {
  Compute& c = pass.compute;
  const Group& g = groups_[expert];
  const auto rows = static_cast<int64_t>(g.slots.size());
  if (rows == 0) return;
  const ComputeScope scope(c);
  const Matrix<T> dy = c.take<T>(rows, dx.columns);
  for (int64_t i = 0; i < rows; ++i) {
    const auto slot = static_cast<size_t>(g.slots[static_cast<size_t>(i)]);
    const T* from = dx.row(static_cast<int64_t>(slot) / routing_.chosen);
    double along = 0;
    for (int64_t d = 0; d < dx.columns; ++d) {
      along += static_cast<double>(from[d]) * static_cast<double>(g.out.row(i)[d]);
      dy.row(i)[d] = routing_.weights[slot] * from[d];
    }
    weight_gradients[slot] = static_cast<T>(along);
  }
  const Matrix<T> dgathered = c.take<T>(rows, dx.columns);
  w_.experts[expert].backward(c, g.saved, dy, dgathered, Into::replace);
  for (int64_t i = 0; i < rows; ++i) {
    T* to = dnormed.row(g.slots[static_cast<size_t>(i)] / routing_.chosen);
    for (int64_t d = 0; d < dx.columns; ++d) to[d] += dgathered.row(i)[d];
  }
}

template <typename T>
void MoeSublayer<T>::backward(Pass& pass, Matrix<T> dx) {
  Compute& c = pass.compute;
  const ComputeScope scope(c);
  const Matrix<T> dnormed = c.take_zeros<T>(dx.rows, dx.columns);
  if (w_.has_shared) w_.shared.backward(c, shared_, dx, dnormed, Into::replace);
  std::vector<T> weight_gradients(routing_.weights.size());
  for (size_t e = 0; e < groups_.size(); ++e) {
    load_[e] += static_cast<int64_t>(groups_[e].slots.size());
    expert_backward(pass, e, dx, dnormed, weight_gradients);
  }
  const Matrix<T> dlogits = c.take_zeros<T>(dx.rows, w_.router.out());
  if (balance_alpha_ > 0) {
    balance_loss(routing_, pass.documents, balance_alpha_, pass.balance_weight, dlogits);
  }
  route_backward(c, rule(), routing_, weight_gradients, dlogits);
  w_.router.backward(c, normed_, dlogits, dnormed, Into::add);
  w_.norm.backward(c, x_, dnormed, dx, Into::add);
}

template <typename T>
double MoeSublayer<T>::end_step(double rate) {
  double mean = 0;
  for (const int64_t tokens : load_) mean += static_cast<double>(tokens);
  mean /= static_cast<double>(load_.size());
  const auto most = static_cast<double>(*std::max_element(load_.begin(), load_.end()));
  for (size_t e = 0; w_.balance && e < load_.size(); ++e) {
    const double missing = mean - static_cast<double>(load_[e]);
    const double direction = missing > 0 ? 1 : missing < 0 ? -1 : 0;
    w_.balance->value[e] += static_cast<T>(rate * direction);
  }
  std::fill(load_.begin(), load_.end(), 0);
  return mean > 0 ? most / mean - 1 : 0;
}

template class MoeSublayer<float>;
template class MoeSublayer<double>;

}  // namespace hearth::train
