// See mla.h. The rotated key is one for all heads: its gradient is the sum of theirs.
#include "hearth/train/layers/mla.h"

namespace hearth::train {

template <typename T>
Matrix<T> MlaSublayer<T>::queries(Pass& pass) {
  Compute& c = pass.compute;
  const Matrix<T> q = c.take<T>(normed_.rows, w_.q.out());
  if (w_.q_a_norm.weight) {
    q_a_ = c.take<T>(normed_.rows, w_.q_a.out());
    q_a_normed_ = c.take<T>(normed_.rows, w_.q_a.out());
    w_.q_a.forward(c, normed_, q_a_, Into::replace);
    w_.q_a_norm.forward(c, q_a_, q_a_normed_);
    w_.q.forward(c, q_a_normed_, q, Into::replace);
  } else {
    w_.q.forward(c, normed_, q, Into::replace);
  }
  rotate(c, *pass.rope, pass.documents, rotated(q), w_.heads, false);
  return q;
}

// [rows, heads * (nope + rope)] from the expanded latents and the rotated key in kv_a_.
template <typename T>
Matrix<T> MlaSublayer<T>::keys(Pass& pass, Matrix<T> expanded) const {
  const Matrix<T> k = pass.compute.take<T>(expanded.rows, w_.heads * (w_.nope + w_.rope));
  pass.compute.in_pieces(k.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t h = 0; h < w_.heads; ++h) {
        T* to = k.row(t) + h * (w_.nope + w_.rope);
        std::copy_n(expanded.row(t) + h * (w_.nope + w_.v_dim), w_.nope, to);
        std::copy_n(kv_a_.row(t) + w_.rank, w_.rope, to + w_.nope);
      }
    }
  });
  return k;
}

template <typename T>
void MlaSublayer<T>::keys_backward(Pass& pass, Matrix<T> dk, Matrix<T> dexpanded,
                                   Matrix<T> dkv_a) const {
  pass.compute.in_pieces(dk.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      T* shared = dkv_a.row(t) + w_.rank;
      std::fill_n(shared, w_.rope, T(0));
      for (int64_t h = 0; h < w_.heads; ++h) {
        const T* from = dk.row(t) + h * (w_.nope + w_.rope);
        std::copy_n(from, w_.nope, dexpanded.row(t) + h * (w_.nope + w_.v_dim));
        for (int64_t i = 0; i < w_.rope; ++i) shared[i] += from[w_.nope + i];
      }
    }
  });
  rotate(pass.compute, *pass.rope, pass.documents, shared_key(dkv_a), 1, true);
}

template <typename T>
Matrix<T> MlaSublayer<T>::forward(Pass& pass, Matrix<T> x) {
  Compute& c = pass.compute;
  x_ = x;
  normed_ = c.take<T>(x.rows, x.columns);
  w_.norm.forward(c, x, normed_);
  const Matrix<T> q = queries(pass);
  kv_a_ = c.take<T>(x.rows, w_.kv_a.out());
  w_.kv_a.forward(c, normed_, kv_a_, Into::replace);
  rotate(c, *pass.rope, pass.documents, shared_key(kv_a_), 1, false);
  latents_ = c.take<T>(x.rows, w_.rank);
  w_.kv_a_norm.forward(c, kv_a_.columns_from(0, w_.rank), latents_);
  const Matrix<T> expanded = c.take<T>(x.rows, w_.kv_b.out());
  w_.kv_b.forward(c, latents_, expanded, Into::replace);
  const Matrix<T> out = c.take<T>(x.rows, w_.heads * w_.v_dim);
  attention_ = {pass.documents,   w_.heads,     w_.heads,
                w_.scale,         whole(q),     whole(keys(pass, expanded)),
                values(expanded), outputs(out), c.take<T>(w_.heads, x.rows)};
  attention_.forward(c);
  const Matrix<T> y = residual_copy(c, x);
  w_.o.forward(c, out, y, Into::add);
  return y;
}

template <typename T>
void MlaSublayer<T>::backward(Pass& pass, Matrix<T> dx) {
  Compute& c = pass.compute;
  const ComputeScope scope(c);
  const Matrix<T> out = attention_.out.matrix;
  const Matrix<T> dout = c.take<T>(out.rows, out.columns);
  w_.o.backward(c, out, dx, dout, Into::replace);
  const Matrix<T> dq = c.take<T>(dx.rows, w_.q.out());
  const Matrix<T> dk = c.take<T>(dx.rows, w_.heads * (w_.nope + w_.rope));
  const Matrix<T> dexpanded = c.take<T>(dx.rows, w_.kv_b.out());
  const Matrix<T> dkv_a = c.take<T>(dx.rows, w_.kv_a.out());
  AttentionGradient<T>{outputs(dout), whole(dq), whole(dk), values(dexpanded)}.backward(c,
                                                                                        attention_);
  keys_backward(pass, dk, dexpanded, dkv_a);
  const Matrix<T> dlatents = c.take<T>(dx.rows, w_.rank);
  w_.kv_b.backward(c, latents_, dexpanded, dlatents, Into::replace);
  w_.kv_a_norm.backward(c, kv_a_.columns_from(0, w_.rank), dlatents, dkv_a.columns_from(0, w_.rank),
                        Into::replace);
  const Matrix<T> dnormed = c.take<T>(dx.rows, dx.columns);
  w_.kv_a.backward(c, normed_, dkv_a, dnormed, Into::replace);
  rotate(c, *pass.rope, pass.documents, rotated(dq), w_.heads, true);
  if (w_.q_a_norm.weight) {
    const Matrix<T> dq_a = c.take<T>(dx.rows, w_.q_a.out());
    w_.q.backward(c, q_a_normed_, dq, dq_a, Into::replace);
    w_.q_a_norm.backward(c, q_a_, dq_a, dq_a, Into::replace);
    w_.q_a.backward(c, normed_, dq_a, dnormed, Into::add);
  } else {
    w_.q.backward(c, normed_, dq, dnormed, Into::add);
  }
  w_.norm.backward(c, x_, dnormed, dx, Into::add);
}

template class MlaSublayer<float>;
template class MlaSublayer<double>;

}  // namespace hearth::train
