// What the kernels that multiply do with their sums.
#pragma once

#include "hearth/backend/cuda/linear/matvec.h"
#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::cuda {

__device__ __forceinline__ float silu(float x) {
  return x / (1.0f + expf(-x));
}
__device__ __forceinline__ float biased(float sum, const float* bias, int row) {
  return bias == nullptr ? sum : sum + bias[row];
}

// The matrix of an expert that a job multiplies by; of two the first.
__device__ __forceinline__ const MatrixView& first_of(const ExpertViews& e, ExpertMatrices which) {
  return which == ExpertMatrices::down ? e.down : which == ExpertMatrices::up ? e.up : e.gate;
}

}  // namespace hearth::cuda
