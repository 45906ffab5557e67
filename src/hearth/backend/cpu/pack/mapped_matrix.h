// A matrix that stays in the mapping of its file, so that several processes share one copy in the
// page cache: a thread packs the rows that it is about to multiply, into memory of its own that
// stays in its caches. The bits of results are those of a packed matrix; packing again and again is
// what the sharing costs.
#pragma once

#include "hearth/backend/cpu/pack/packed_matrix.h"

namespace hearth::cpu {

struct MappedMatrix : PackedMatrix {
  explicit MappedMatrix(const Tensor& stored);

  Tensor stored;
  uint64_t id;  // of this matrix and no later one
};

// Rows [row, row + 32) of it (fewer at its end), packed; `row` is a multiple of 32. Valid until
// this thread has asked for rows of two others.
const uint8_t* packed_rows(const MappedMatrix& matrix, int64_t row);

}  // namespace hearth::cpu
