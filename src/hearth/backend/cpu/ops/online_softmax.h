// Softmax-weighted sum over a stream of blocks: running maximum, running sum, running mix. Blocks
// are always the same 64 positions, so a query's result depends on nothing but its own history.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "hearth/backend/cpu/isa/kernel_table.h"

namespace hearth::cpu {

// One query's state; `mix` [width] belongs to the caller and starts at zero.
struct OnlineSoftmax {
  float top = -std::numeric_limits<float>::infinity();
  float sum = 0;

  // Takes `count` >= 1 scores and the value rows [count, width] that belong to them.
  void add(const KernelTable& kernels, float* scores, int64_t count, const float* values,
           int64_t stride, int64_t width, float* mix) {
    const float block_top = *std::max_element(scores, scores + count);
    if (block_top > top) {
      const float shrink = std::exp(top - block_top);
      if (sum > 0) {
        sum *= shrink;
        kernels.scale(shrink, mix, width);
      }
      top = block_top;
    }
    for (int64_t i = 0; i < count; ++i) {
      const float p = std::exp(scores[i] - top);
      sum += p;
      kernels.axpy(p, values + i * stride, mix, width);
    }
  }

  void finish(const KernelTable& kernels, float* mix, int64_t width) const {
    kernels.scale(1 / sum, mix, width);
  }
};

}  // namespace hearth::cpu
