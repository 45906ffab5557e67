// With s = sigmoid(g):  dg = da u s (1 + g (1 - s)),  du = da g s.
#include "hearth/train/verbs/swiglu.h"

#include <cmath>

namespace hearth::train {

template <typename T>
void swiglu(Compute& c, Matrix<T> gate, Matrix<T> up, Matrix<T> a) {
  c.in_pieces(a.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const T* g = gate.row(t);
      const T* u = up.row(t);
      for (int64_t i = 0; i < a.columns; ++i) a.row(t)[i] = g[i] / (1 + std::exp(-g[i])) * u[i];
    }
  });
}

template <typename T>
void swiglu_backward(Compute& c, Matrix<T> gate, Matrix<T> up, Matrix<T> da) {
  c.in_pieces(da.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      T* g = gate.row(t);
      T* u = up.row(t);
      const T* d = da.row(t);
      for (int64_t i = 0; i < da.columns; ++i) {
        const T s = 1 / (1 + std::exp(-g[i]));
        const T raised = u[i];
        u[i] = d[i] * g[i] * s;
        g[i] = d[i] * raised * s * (1 + g[i] * (1 - s));
      }
    }
  });
}

template void swiglu(Compute&, Matrix<float>, Matrix<float>, Matrix<float>);
template void swiglu(Compute&, Matrix<double>, Matrix<double>, Matrix<double>);
template void swiglu_backward(Compute&, Matrix<float>, Matrix<float>, Matrix<float>);
template void swiglu_backward(Compute&, Matrix<double>, Matrix<double>, Matrix<double>);

}  // namespace hearth::train
