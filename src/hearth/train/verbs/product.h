// Matrix products of training, all by one blocked loop: y = x W^T forward, dx = dy W backward, and
// dW = dy^T x. The right side may be a stored weight of any format, decoded a tile at a time on its
// way into the panel that the kernel reads: a frozen weight never exists in float as a whole.
#pragma once

#include "hearth/tensor/tensor.h"
#include "hearth/train/verbs/compute.h"

namespace hearth::train {

// The left side; transposed: its columns are the rows of the product.
template <typename T>
struct Left {
  Matrix<T> matrix;
  bool transposed = false;

  int64_t rows() const { return transposed ? matrix.columns : matrix.rows; }
  int64_t depth() const { return transposed ? matrix.rows : matrix.columns; }
};

// The right side, values or a stored tensor of two dimensions.
template <typename T>
struct Right {
  Right(Matrix<T> m, bool t = false) : matrix(m), transposed(t) {}  // NOLINT: implicit
  Right(const Tensor& s, bool t) : stored(&s), transposed(t) {}

  Matrix<T> matrix;
  const Tensor* stored = nullptr;
  bool transposed = false;

  int64_t stored_rows() const { return stored ? stored->rows() : matrix.rows; }
  int64_t stored_columns() const { return stored ? stored->columns() : matrix.columns; }
  int64_t depth() const { return transposed ? stored_columns() : stored_rows(); }
  int64_t columns() const { return transposed ? stored_rows() : stored_columns(); }
  // out[0, count) = elements [begin, begin + count) of a row as it is stored.
  void read(int64_t row, int64_t begin, int64_t count, T* out) const;
};

enum class Into : uint8_t { replace, add };

// out = left * right, or out += left * right, on all threads.
template <typename T>
void multiply(Compute& c, const Left<T>& left, const Right<T>& right, Matrix<T> out, Into into);

// The same on the calling thread alone, for verbs that are parallel themselves.
template <typename T>
void multiply_serial(const Compute& c, const Left<T>& left, const Right<T>& right, Matrix<T> out,
                     Into into);

}  // namespace hearth::train
