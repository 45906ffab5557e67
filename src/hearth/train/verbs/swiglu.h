// a = silu(gate) * up, silu(x) = x / (1 + e^-x), and its gradient.
#pragma once

#include "hearth/train/verbs/compute.h"

namespace hearth::train {

// a [rows, n] from gate and up of the same shape.
template <typename T>
void swiglu(Compute& c, Matrix<T> gate, Matrix<T> up, Matrix<T> a);

// gate -> its gradient and up -> its gradient, in place, from da.
template <typename T>
void swiglu_backward(Compute& c, Matrix<T> gate, Matrix<T> up, Matrix<T> da);

}  // namespace hearth::train
