// Rotary positions and causal attention over packed documents. Each document attends to itself
// alone, so that several lie behind each other in one matrix without padding and without a mask.
// Probabilities are not kept: the backward pass works them out again from the log of their sum
// (Dao 2023, FlashAttention-2, section 3.1).
#pragma once

#include <span>
#include <vector>

#include "hearth/backend/rope.h"
#include "hearth/train/verbs/compute.h"

namespace hearth::train {

// Rows [begin, begin + rows) are one document; the first has position 0.
struct Document {
  int64_t begin = 0;
  int64_t rows = 0;
};

// cos and sin of all positions of a step.
struct RopeTable {
  RopeTable(const Rope& rope, int64_t positions);

  Rope rope;
  std::vector<float> cos, sin;  // [positions, dims / 2]
};

// Heads of a matrix: head h is the columns [offset + h * step, ... + dim).
template <typename T>
struct Heads {
  Matrix<T> matrix;
  int64_t offset = 0;
  int64_t step = 0;
  int64_t dim = 0;

  Matrix<T> of(const Document& d, int64_t head) const {
    return matrix.rows_from(d.begin, d.rows).columns_from(offset + head * step, dim);
  }
};

// Rotates `heads` heads in place; `backward` turns the other way, which is the gradient.
template <typename T>
void rotate(Compute& c, const RopeTable& table, std::span<const Document> documents,
            const Heads<T>& x, int64_t heads, bool backward);

// Grouped-query attention; k and v of `kv_heads` heads. With kv_heads = heads it serves MLA, too.
template <typename T>
struct Attention {
  std::span<const Document> documents;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  double scale = 0;
  Heads<T> q, k, v, out;
  Matrix<T> log_sum;  // [heads, rows]: of the exponentials of a row's scaled scores

  void forward(Compute& c) const;
};

template <typename T>
struct AttentionGradient {
  Heads<T> out;      // in
  Heads<T> q, k, v;  // out, replaced

  void backward(Compute& c, const Attention<T>& forward) const;
};

}  // namespace hearth::train
