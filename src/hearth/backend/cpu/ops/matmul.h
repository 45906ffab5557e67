// The inner product of the CPU backend: some rows of a weight times some rows of activations.
#pragma once

#include <span>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/base/checked_math.h"

namespace hearth::cpu {

inline constexpr int64_t kRowsPerPart = 32;  // weight rows that one task multiplies

inline int64_t row_parts(int64_t rows) {
  return ceil_div(rows, kRowsPerPart);
}

// f32 rows [rows, columns of the weight], `stride` floats apart.
struct ActivationRows {
  const float* base;
  int64_t stride;
  int64_t rows;
};

// out[x * out_stride + (w - begin)] = dot(weight row w, x row) for w in [begin, end).
void multiply(const KernelTable& kernels, const Tensor& weight, int64_t begin, int64_t end,
              const ActivationRows& x, float* out, int64_t out_stride);

// Elements [first, first + count) of a row as f32: by the kernels where they know the format, by
// the codec elsewhere; the same bits either way.
void decode_span(const KernelTable& kernels, const Tensor& t, int64_t row, int64_t first,
                 int64_t count, float* out);

// Rows [begin, begin + count) of a weight as f32 [count, columns], in `scratch` or in place.
const float* decode_rows(const KernelTable& kernels, const Tensor& weight, int64_t begin,
                         int64_t count, std::vector<float>& scratch);

}  // namespace hearth::cpu
