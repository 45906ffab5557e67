// See ffn.h.
#include "hearth/train/layers/ffn.h"

#include "hearth/train/verbs/swiglu.h"

namespace hearth::train {

template <typename T>
typename Swiglu<T>::Saved Swiglu<T>::forward(Compute& c, Matrix<T> x, Matrix<T> y,
                                             Into into) const {
  Saved s{x, c.take<T>(x.rows, gate.out()), c.take<T>(x.rows, gate.out()),
          c.take<T>(x.rows, gate.out())};
  gate.forward(c, x, s.gate, Into::replace);
  up.forward(c, x, s.up, Into::replace);
  swiglu(c, s.gate, s.up, s.a);
  down.forward(c, s.a, y, into);
  return s;
}

template <typename T>
void Swiglu<T>::backward(Compute& c, const Saved& s, Matrix<T> dy, Matrix<T> dx, Into into) const {
  const ComputeScope scope(c);
  const Matrix<T> da = c.take<T>(s.a.rows, s.a.columns);
  down.backward(c, s.a, dy, da, Into::replace);
  swiglu_backward(c, s.gate, s.up, da);
  gate.backward(c, s.x, s.gate, dx, into);
  up.backward(c, s.x, s.up, dx, Into::add);
}

template <typename T>
Matrix<T> SwigluSublayer<T>::forward(Pass& pass, Matrix<T> x) {
  Compute& c = pass.compute;
  x_ = x;
  const Matrix<T> normed = c.take<T>(x.rows, x.columns);
  norm_.forward(c, x, normed);
  const Matrix<T> y = residual_copy(c, x);
  saved_ = mlp_.forward(c, normed, y, Into::add);
  return y;
}

template <typename T>
void SwigluSublayer<T>::backward(Pass& pass, Matrix<T> dx) {
  Compute& c = pass.compute;
  const ComputeScope scope(c);
  const Matrix<T> dnormed = c.take<T>(dx.rows, dx.columns);
  mlp_.backward(c, saved_, dx, dnormed, Into::replace);
  norm_.backward(c, x_, dnormed, dx, Into::add);
}

template struct Swiglu<float>;
template struct Swiglu<double>;
template class SwigluSublayer<float>;
template class SwigluSublayer<double>;

}  // namespace hearth::train
