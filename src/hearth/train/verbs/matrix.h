// Matrix: a view of rows in memory that somebody else owns, the currency of the training verbs.
// Every verb is a template of its scalar: float is what tunes, double is what the tests hold it to.
#pragma once

#include <algorithm>
#include <cstdint>

#include "hearth/base/check.h"

namespace hearth::train {

template <typename T>
struct Matrix {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;  // elements from one row to the next

  T* row(int64_t r) const {
    DCHECK(r >= 0 && r < rows);
    return data + r * stride;
  }
  Matrix rows_from(int64_t begin, int64_t count) const {
    DCHECK(begin >= 0 && begin + count <= rows);
    return {data + begin * stride, count, columns, stride};
  }
  Matrix columns_from(int64_t begin, int64_t count) const {
    DCHECK(begin >= 0 && begin + count <= columns);
    return {data + begin, rows, count, stride};
  }
  void fill(T value) const {
    for (int64_t r = 0; r < rows; ++r) std::fill_n(row(r), columns, value);
  }
  // Copies a matrix of the same shape.
  void copy_from(const Matrix& from) const {
    DCHECK(rows == from.rows && columns == from.columns);
    for (int64_t r = 0; r < rows; ++r) std::copy_n(from.row(r), columns, row(r));
  }
};

}  // namespace hearth::train
