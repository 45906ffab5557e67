// With u = A x:  dB = scale dy^T u,  dA = scale (B^T dy)^T x,  dx += scale A^T (B^T dy). The thin
// product u is worked out again in the backward pass: a hundredth of the wide one, and not a tensor
// more to keep.
#include "hearth/train/verbs/linear.h"

namespace hearth::train {
namespace {

template <typename T>
void add_bias(Compute& c, const Parameter<T>& bias, Matrix<T> y) {
  c.in_pieces(y.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      T* row = y.row(r);
      for (int64_t i = 0; i < y.columns; ++i) row[i] += bias.value[static_cast<size_t>(i)];
    }
  });
}

template <typename T>
void add_bias_gradient(Matrix<T> dy, Parameter<T>& bias) {
  for (int64_t r = 0; r < dy.rows; ++r) {
    for (int64_t i = 0; i < dy.columns; ++i) bias.gradient[static_cast<size_t>(i)] += dy.row(r)[i];
  }
}

template <typename T>
void scale_all(Matrix<T> m, T factor) {
  for (int64_t r = 0; r < m.rows; ++r) {
    for (int64_t i = 0; i < m.columns; ++i) m.row(r)[i] *= factor;
  }
}

template <typename T>
Matrix<T> scaled_down_projection(Compute& c, const Adapter<T>& adapter, Matrix<T> x) {
  const Matrix<T> u = c.take<T>(x.rows, adapter.rank());
  multiply(c, {x}, Right<T>(adapter.a->values(), true), u, Into::replace);
  scale_all(u, adapter.scale);
  return u;
}

template <typename T>
void adapter_backward(Compute& c, const Adapter<T>& adapter, Matrix<T> x, Matrix<T> dy,
                      Matrix<T> dx) {
  const ComputeScope scope(c);
  const Matrix<T> u = scaled_down_projection(c, adapter, x);
  multiply(c, {dy, true}, Right<T>(u), adapter.b->gradients(), Into::add);
  const Matrix<T> du = c.take<T>(x.rows, adapter.rank());
  multiply(c, {dy}, Right<T>(adapter.b->values()), du, Into::replace);
  scale_all(du, adapter.scale);
  multiply(c, {du, true}, Right<T>(x), adapter.a->gradients(), Into::add);
  multiply(c, {du}, Right<T>(adapter.a->values()), dx, Into::add);
}

}  // namespace

template <typename T>
void Projection<T>::forward(Compute& c, Matrix<T> x, Matrix<T> y, Into into) const {
  multiply(c, {x}, weight.right(true), y, into);
  if (bias) add_bias(c, *bias, y);
  if (!adapter.a) return;
  const ComputeScope scope(c);
  const Matrix<T> u = scaled_down_projection(c, adapter, x);
  multiply(c, {u}, Right<T>(adapter.b->values(), true), y, Into::add);
}

template <typename T>
void Projection<T>::backward(Compute& c, Matrix<T> x, Matrix<T> dy, Matrix<T> dx, Into into) const {
  multiply(c, {dy}, weight.right(false), dx, into);
  if (weight.learned && weight.learned->learns()) {
    multiply(c, {dy, true}, Right<T>(x), weight.learned->gradients(), Into::add);
  }
  if (bias && bias->learns()) add_bias_gradient(dy, *bias);
  if (adapter.a) adapter_backward(c, adapter, x, dy, dx);
}

template struct Projection<float>;
template struct Projection<double>;

}  // namespace hearth::train
