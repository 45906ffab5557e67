// y = W x + b + scale * B (A x): a projection with an adapter beside it (Hu et al. 2021, LoRA).
// The adapter is optional, and so is the bias; W may be frozen in any format.
#pragma once

#include "hearth/train/verbs/parameter.h"

namespace hearth::train {

template <typename T>
struct Adapter {
  Parameter<T>* a = nullptr;  // [rank, in]
  Parameter<T>* b = nullptr;  // [out, rank]
  T scale = 0;                // alpha / rank

  int64_t rank() const { return a->shape.rows(); }
};

template <typename T>
struct Projection {
  Operand<T> weight;             // [out, in]
  Parameter<T>* bias = nullptr;  // [out]
  Adapter<T> adapter;            // absent while `a` is null

  int64_t out() const { return weight.out(); }
  int64_t in() const { return weight.in(); }

  // y [rows, out] = or += of x [rows, in]
  void forward(Compute& c, Matrix<T> x, Matrix<T> y, Into into) const;
  // dx [rows, in] = or += W^T dy + adapter; the gradients of what learns are added to.
  void backward(Compute& c, Matrix<T> x, Matrix<T> dy, Matrix<T> dx, Into into) const;
};

}  // namespace hearth::train
