// With r = 1 / sqrt(mean(x^2) + eps):  dx = r (w dy - x r^2 mean(w dy x)),  dw = sum of dy x r.
#include "hearth/train/verbs/norm.h"

#include <cmath>

namespace hearth::train {
namespace {

template <typename T>
double inverse_rms(const T* x, int64_t n, double eps) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return 1 / std::sqrt(squares / static_cast<double>(n) + eps);
}

// One slice; `dx` may be `dy`.
template <typename T>
void slice_backward(const T* x, const T* w, const T* dy, int64_t n, double eps, T* dx, Into into) {
  const double r = inverse_rms(x, n, eps);
  double along = 0;
  for (int64_t i = 0; i < n; ++i) {
    along += static_cast<double>(w[i]) * static_cast<double>(dy[i]) * static_cast<double>(x[i]);
  }
  const double back = along * r * r / static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i) {
    const double straight = static_cast<double>(w[i]) * static_cast<double>(dy[i]);
    const T value = static_cast<T>(r * (straight - static_cast<double>(x[i]) * back));
    dx[i] = into == Into::add ? dx[i] + value : value;
  }
}

template <typename T>
void add_weight_gradient(Matrix<T> x, Matrix<T> dy, double eps, Parameter<T>& weight) {
  const int64_t n = weight.shape.columns();
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t at = 0; at < x.columns; at += n) {
      const T* row = x.row(t) + at;
      const double r = inverse_rms(row, n, eps);
      for (int64_t i = 0; i < n; ++i) {
        weight.gradient[static_cast<size_t>(i)] += static_cast<T>(
            static_cast<double>(dy.row(t)[at + i]) * static_cast<double>(row[i]) * r);
      }
    }
  }
}

}  // namespace

template <typename T>
void RmsNorm<T>::forward(Compute& c, Matrix<T> x, Matrix<T> y) const {
  const int64_t n = weight->shape.columns();
  c.in_pieces(x.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t at = 0; at < x.columns; at += n) {
        const T* from = x.row(t) + at;
        T* to = y.row(t) + at;
        const double r = inverse_rms(from, n, eps);
        for (int64_t i = 0; i < n; ++i) {
          to[i] = static_cast<T>(static_cast<double>(from[i]) * r *
                                 static_cast<double>(weight->value[static_cast<size_t>(i)]));
        }
      }
    }
  });
}

template <typename T>
void RmsNorm<T>::backward(Compute& c, Matrix<T> x, Matrix<T> dy, Matrix<T> dx, Into into) const {
  if (weight->learns()) add_weight_gradient(x, dy, eps, *weight);  // before dy may be overwritten
  const int64_t n = weight->shape.columns();
  c.in_pieces(x.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t at = 0; at < x.columns; at += n) {
        slice_backward(x.row(t) + at, weight->value.data(), dy.row(t) + at, n, eps, dx.row(t) + at,
                       into);
      }
    }
  });
}

template struct RmsNorm<float>;
template struct RmsNorm<double>;

}  // namespace hearth::train
