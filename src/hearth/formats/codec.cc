// See codec.h. Blocks are copied out before they are read, because a mapped file may place them at
// odd addresses; the compiler turns the copies into plain loads.
#include "hearth/formats/codec.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "hearth/formats/with_format.h"

namespace hearth {
namespace {

template <typename Codec>
typename Codec::Block load_block(const std::byte* row, int64_t index) {
  typename Codec::Block block;
  std::memcpy(&block, row + index * static_cast<int64_t>(sizeof block), sizeof block);
  return block;
}

template <typename Codec>
void decode_columns(const std::byte* row, int64_t begin, int64_t count, float* out) {
  constexpr int64_t kElements = Codec::kElements;
  const int64_t end = begin + count;
  for (int64_t column = begin; column < end;) {
    const auto block = load_block<Codec>(row, column / kElements);
    const int64_t skip = column % kElements;
    const int64_t take = std::min(kElements - skip, end - column);
    if (take == kElements) {
      Codec::decode_block(block, out);
    } else {
      float values[kElements];
      Codec::decode_block(block, values);
      std::copy(values + skip, values + skip + take, out);
    }
    out += take;
    column += take;
  }
}

template <typename Codec>
void decode_all_integers(const std::byte* row, int64_t columns, int8_t* q, float* scale,
                         float* min) {
  constexpr int64_t kGroups = Codec::kElements / Codec::kGroup;
  for (int64_t index = 0; index < columns / Codec::kElements; ++index) {
    Codec::decode_integers(load_block<Codec>(row, index), q, scale, min);
    q += Codec::kElements;
    scale += kGroups;
    if (Codec::kHasMin) min += kGroups;
  }
}

template <typename Codec>
void encode_columns(const float* in, const float* importance, int64_t columns, std::byte* row) {
  for (int64_t column = 0; column < columns; column += Codec::kElements) {
    typename Codec::Block block;
    if constexpr (Codec::kGroup == 0) {
      Codec::encode_block(in + column, block);
    } else {
      Codec::encode_block(in + column, importance != nullptr ? importance + column : nullptr,
                          block);
    }
    std::memcpy(row, &block, sizeof block);
    row += sizeof block;
  }
}

void multiply_scales(const float* scales, int64_t col_begin, int64_t cols, float* values) {
  for (int64_t i = 0; i < cols; ++i) values[i] *= scales[(col_begin + i) / kScaleTile];
}

// The first column whose value is NaN or larger than `max`; columns when there is none.
int64_t first_outside(const float* values, int64_t columns, float max) {
  int64_t outside = 0;  // counted without a branch first: almost every row is clean
  for (int64_t i = 0; i < columns; ++i) outside += !(std::abs(values[i]) <= max);
  if (outside == 0) return columns;
  return std::find_if(values, values + columns, [max](float v) { return !(std::abs(v) <= max); }) -
         values;
}

}  // namespace

void decode_row(const Tensor& t, int64_t row, int64_t col_begin, int64_t cols, float* out) {
  DCHECK(row >= 0 && row < t.rows());
  DCHECK(col_begin >= 0 && cols >= 0 && col_begin + cols <= t.columns());
  with_format(t.format,
              [&]<typename Codec>() { decode_columns<Codec>(t.row(row), col_begin, cols, out); });
  if (t.scales != nullptr) {
    multiply_scales(t.scales + row / kScaleTile * t.scale_columns, col_begin, cols, out);
  }
}

void decode_row_integers(const Tensor& t, int64_t row, int8_t* q, float* scale, float* min) {
  CHECK(t.scales == nullptr && format_info(t.format).group > 0);
  DCHECK(row >= 0 && row < t.rows());
  with_format(t.format, [&]<typename Codec>() {
    if constexpr (Codec::kGroup > 0) {
      decode_all_integers<Codec>(t.row(row), t.columns(), q, scale, min);
    }
  });
}

void encode_row(const float* in, const float* importance, const Tensor& out, int64_t row) {
  CHECK(out.scales == nullptr);
  DCHECK(row >= 0 && row < out.rows());
  with_format(out.format, [&]<typename Codec>() {
    CHECK_EQ(out.columns() % Codec::kElements, 0);
    encode_columns<Codec>(in, importance, out.columns(), out.row(row));
  });
}

void encode_row(const float* in, const Tensor& out, int64_t row) {
  encode_row(in, nullptr, out, row);
}

void encode_rows(const float* in, int64_t in_stride, const Tensor& out) {
  for (int64_t r = 0; r < out.rows(); ++r) encode_row(in + r * in_stride, out, r);
}

Status convert(const Tensor& in, const Tensor& out) {
  CHECK(in.shape == out.shape);
  const int64_t columns = in.columns();
  const float max = with_format(out.format, []<typename Codec>() { return Codec::kMax; });
  std::vector<float> values(static_cast<size_t>(columns));
  for (int64_t r = 0; r < in.rows(); ++r) {
    decode_row(in, r, 0, columns, values.data());
    const int64_t column = first_outside(values.data(), columns, max);
    if (column < columns) {
      return error(Code::invalid,
                   "row {}, column {}: expected a finite value within {} for {}, found {}", r,
                   column, max, format_info(out.format).name, values[static_cast<size_t>(column)]);
    }
    encode_row(values.data(), out, r);
  }
  return Status::ok();
}

}  // namespace hearth
