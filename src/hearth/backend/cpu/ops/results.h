// What happens to a tile of results while it is in cache: bias, SwiGLU, store.
#pragma once

#include "hearth/backend/cpu/ops/matmul.h"

namespace hearth::cpu {

inline void add_bias(const Linear& linear, const ResultTile& tile) {
  if (!linear.bias.present()) return;
  const float* bias = linear.bias.vector();
  tile.for_each_run([&](int64_t, int64_t row, float* lanes, int64_t n) {
    for (int64_t i = 0; i < n; ++i) lanes[i] += bias[row + i];
  });
}

// out[token][row] = result
inline void store(const ResultTile& tile, const Tensor& out) {
  tile.for_each_run([&](int64_t t, int64_t row, const float* lanes, int64_t n) {
    float* to = out.f32_row(t) + row;
    if (n == kGroupRows) {
      std::copy_n(lanes, kGroupRows, to);  // of known length: a few moves instead of a call
    } else {
      std::copy_n(lanes, n, to);
    }
  });
}

// out[token][row] += result
inline void add(const ResultTile& tile, const Tensor& out) {
  tile.for_each_run([&](int64_t t, int64_t row, const float* lanes, int64_t n) {
    float* to = out.f32_row(t) + row;
    for (int64_t i = 0; i < n; ++i) to[i] += lanes[i];
  });
}

// One task of out = silu(gate(x)) * up(x) for tokens [begin, begin + tokens).
void swiglu_task(const KernelTable& kernels, const Linear& gate, const Linear& up,
                 const Activations& x, int64_t begin, int64_t tokens, const TaskCut& cut,
                 int64_t task, const Tensor& out);

}  // namespace hearth::cpu
