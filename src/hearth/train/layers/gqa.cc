// See gqa.h.
#include "hearth/train/layers/gqa.h"

#include <cmath>

namespace hearth::train {

template <typename T>
Matrix<T> GqaSublayer<T>::forward(Pass& pass, Matrix<T> x) {
  Compute& c = pass.compute;
  x_ = x;
  normed_ = c.take<T>(x.rows, x.columns);
  w_.norm.forward(c, x, normed_);
  const Matrix<T> q = c.take<T>(x.rows, w_.q.out());
  const Matrix<T> k = c.take<T>(x.rows, w_.k.out());
  const Matrix<T> v = c.take<T>(x.rows, w_.v.out());
  w_.q.forward(c, normed_, q, Into::replace);
  w_.k.forward(c, normed_, k, Into::replace);
  w_.v.forward(c, normed_, v, Into::replace);
  if (w_.q_norm.weight) {
    q_raw_ = residual_copy(c, q);
    k_raw_ = residual_copy(c, k);
    w_.q_norm.forward(c, q_raw_, q);
    w_.k_norm.forward(c, k_raw_, k);
  }
  rotate(c, *pass.rope, pass.documents, heads(q), w_.heads, false);
  rotate(c, *pass.rope, pass.documents, heads(k), w_.kv_heads, false);
  const Matrix<T> out = c.take<T>(x.rows, w_.heads * w_.head_dim);
  attention_ = {pass.documents,
                w_.heads,
                w_.kv_heads,
                1 / std::sqrt(static_cast<double>(w_.head_dim)),
                heads(q),
                heads(k),
                heads(v),
                heads(out),
                c.take<T>(w_.heads, x.rows)};
  attention_.forward(c);
  const Matrix<T> y = residual_copy(c, x);
  w_.o.forward(c, out, y, Into::add);
  return y;
}

template <typename T>
void GqaSublayer<T>::backward(Pass& pass, Matrix<T> dx) {
  Compute& c = pass.compute;
  const ComputeScope scope(c);
  const Matrix<T> out = attention_.out.matrix;
  const Matrix<T> dout = c.take<T>(out.rows, out.columns);
  w_.o.backward(c, out, dx, dout, Into::replace);
  const Matrix<T> dq = c.take<T>(dx.rows, w_.q.out());
  const Matrix<T> dk = c.take<T>(dx.rows, w_.k.out());
  const Matrix<T> dv = c.take<T>(dx.rows, w_.v.out());
  AttentionGradient<T>{heads(dout), heads(dq), heads(dk), heads(dv)}.backward(c, attention_);
  rotate(c, *pass.rope, pass.documents, heads(dq), w_.heads, true);
  rotate(c, *pass.rope, pass.documents, heads(dk), w_.kv_heads, true);
  if (w_.q_norm.weight) {
    w_.q_norm.backward(c, q_raw_, dq, dq, Into::replace);
    w_.k_norm.backward(c, k_raw_, dk, dk, Into::replace);
  }
  const Matrix<T> dnormed = c.take<T>(dx.rows, dx.columns);
  w_.q.backward(c, normed_, dq, dnormed, Into::replace);
  w_.k.backward(c, normed_, dk, dnormed, Into::add);
  w_.v.backward(c, normed_, dv, dnormed, Into::add);
  w_.norm.backward(c, x_, dnormed, dx, Into::add);
}

template class GqaSublayer<float>;
template class GqaSublayer<double>;

}  // namespace hearth::train
