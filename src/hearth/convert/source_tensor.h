// One tensor of the output as rows of the input, whatever the two files call and arrange it: the
// only view that the streaming quantiser has of a model. Values are read from the mapping and
// decoded one row at a time, so a tensor of any size costs no memory.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hearth/models/foreign/scheme.h"
#include "hearth/models/tensor_spec.h"

namespace hearth {

// Where a row comes from: row `row` of a part or, transposed, column `column` of its rows from
// `row` on.
struct RowOrigin {
  size_t part;
  int64_t row;
  bool transposed = false;
  int64_t column = 0;
};

// Thread-safe (const) while the checkpoint that `parts` point into is open.
struct SourceTensor {
  std::string name;  // in the output
  Shape shape;       // in the output, outermost first
  TensorKind kind = TensorKind::matrix;
  std::vector<StoredMatrix> parts;               // of the input
  std::function<RowOrigin(int64_t row)> origin;  // empty: row r of parts[0]
  std::function<int64_t(int64_t i)> element;     // of a vector; empty: in order

  int64_t stored_bytes() const;  // of all parts
  void read(int64_t row, float* out) const;
  // The bytes of a row that need no decoding because the output stores them alike; else nullptr.
  const std::byte* verbatim(int64_t row, Format format) const;
  // Rows up to `row` are done with: their pages may leave memory. The last call has all rows.
  void forget_rows(int64_t begin, int64_t end) const;

 private:
  RowOrigin origin_of(int64_t row) const;
};

}  // namespace hearth
