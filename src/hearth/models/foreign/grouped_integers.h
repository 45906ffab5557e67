// GroupedIntegers: what AWQ, GPTQ, compressed-tensors and LLM.int8 have in common. A column belongs
// to a group, a group of a row has a scale and a zero, value = (code - zero) * scale with unsigned
// codes of 4 or 8 bits. The schemes differ only in where the numbers lie, which is data here.
#pragma once

#include <memory>
#include <optional>

#include "hearth/models/foreign/foreign_weight.h"

namespace hearth {

// Unsigned fields in little-endian words, several neighbours of a row or of a column to a word.
struct PackedCodes {
  const std::byte* data = nullptr;
  int bits = 4;                    // 4 or 8
  int word_bytes = 4;              // 4, or 1 (then 8 bits)
  bool across_rows = false;        // a word holds neighbours of one column, else of one row
  bool is_signed = false;          // two's complement: the sign bit is turned over
  const uint8_t* order = nullptr;  // place of each neighbour in its word; nullptr: ascending
  int64_t row_stride = 0;          // words from one row (or word of rows) to the next
  int64_t column_stride = 0;       // words from one column (or word of columns) to the next

  int per_word() const { return 8 * word_bytes / bits; }
  void read(const Window& window, uint8_t* out) const;
  int at(int64_t row, int64_t column) const;
};

// scale(row, group) = values[row * row_stride + group * group_stride]; factor multiplies last.
struct ScaleGrid {
  Tensor values;  // a plain float
  int64_t row_stride = 0;
  int64_t group_stride = 0;
  float factor = 1;
};

struct GroupedLayout {
  Shape shape;  // [out, in]
  PackedCodes codes;
  ScaleGrid scales;
  std::optional<PackedCodes> zeros;     // [out, groups]; without: half the range of the codes
  int zero_offset = 0;                  // is added to stored zeros
  int64_t group = 0;                    // columns of a group; divides `in`
  const std::byte* group_of = nullptr;  // I32 [in] below in / group; nullptr: column / group
  std::span<const std::byte> bulk;      // of the codes, for ForeignWeight::forget
  int64_t stored_bytes = 0;             // of all parts
};

// Homes: Q4_0 and Q8_0 where all zeros are half the range, Q4_1 for other four-bit codes: each code
// stays what it is and only scales (and mins) are rounded to F16. Q8_0 by value for permuted groups
// and eight-bit codes with zeros; F16 where blocks of 32 don't fit the row or the group.
std::shared_ptr<const ForeignWeight> make_grouped_integers(const GroupedLayout& layout);

}  // namespace hearth
