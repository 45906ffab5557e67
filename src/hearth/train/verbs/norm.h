// RMS norm, y = w x / sqrt(mean(x^2) + eps), and its gradient.
#pragma once

#include "hearth/train/verbs/parameter.h"

namespace hearth::train {

template <typename T>
struct RmsNorm {
  Parameter<T>* weight = nullptr;  // [n]
  double eps = 1e-6;

  // Norms each slice of n columns of x (one slice, or a head each) into y, which may be x.
  void forward(Compute& c, Matrix<T> x, Matrix<T> y) const;
  // dx = or += of the gradient; dx may be dy when it replaces. x is what forward was given.
  void backward(Compute& c, Matrix<T> x, Matrix<T> dy, Matrix<T> dx, Into into) const;
};

}  // namespace hearth::train
