// Tensor: a view of up to four dimensions over memory that somebody else owns, and Buffer, the
// owner. The last dimension is contiguous and holds whole blocks of the format; rows follow each
// other at `row_bytes`. A weight and its scales are one object, always: FP8 weights of DeepSeek
// carry the f32 scale of each 128x128 block in `scales` (`weight_scale_inv`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

#include "hearth/base/check.h"
#include "hearth/tensor/format.h"

namespace hearth {

// Up to four sizes, outermost first: [out, in] for a weight, y = x * W^T.
class Shape {
 public:
  static constexpr int kRankMax = 4;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const int64_t> sizes);

  int rank() const { return rank_; }
  int64_t operator[](int i) const {
    DCHECK(i >= 0 && i < rank_);
    return sizes_[static_cast<size_t>(i)];
  }
  int64_t columns() const { return rank_ == 0 ? 1 : sizes_[static_cast<size_t>(rank_) - 1]; }
  int64_t rows() const;      // product of all sizes but the last
  int64_t elements() const;  // product of all sizes
  bool operator==(const Shape& other) const;
  std::string to_string() const;  // "[256, 7168]"

 private:
  int rank_ = 0;
  int64_t sizes_[kRankMax] = {};
};

inline constexpr int64_t kScaleTile = 128;  // rows and columns that share one FP8 scale

struct Tensor {
  Format format = Format::f32;
  Shape shape;
  int64_t row_bytes = 0;          // bytes from one row to the next
  std::byte* data = nullptr;      // row 0; never written through when the owner is a mapping
  const float* scales = nullptr;  // f8_e4m3: [ceil(rows/128), ceil(columns/128)], else null
  int64_t scale_columns = 0;      // row length of `scales`

  // Bytes of one tightly packed row; columns must be a multiple of the block (checked by readers).
  static int64_t packed_row_bytes(Format format, int64_t columns);
  static Tensor packed(Format format, const Shape& shape, std::byte* data);

  int64_t rows() const { return shape.rows(); }
  int64_t columns() const { return shape.columns(); }
  int64_t bytes() const { return rows() * row_bytes; }  // without scales
  std::byte* row(int64_t r) const { return data + r * row_bytes; }
  float* f32_row(int64_t r) const {
    DCHECK(format == Format::f32);
    return reinterpret_cast<float*>(row(r));
  }
  std::span<float> f32() const {  // all elements of a tight f32 tensor
    DCHECK(format == Format::f32 && row_bytes == columns() * 4);
    return {reinterpret_cast<float*>(data), static_cast<size_t>(shape.elements())};
  }

  // Rows [begin, begin + count) as a [count, columns] view; FP8 needs begin on a scale tile.
  Tensor row_slice(int64_t begin, int64_t count) const;
  // Entry i of the outermost dimension of a rank-3 tensor, e.g. one expert: [out, in].
  Tensor outer(int64_t i) const;
};

// 64-byte aligned memory with one owner; zeroed. Move-only.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t bytes);
  std::byte* data() const { return data_.get(); }
  int64_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  int64_t bytes_ = 0;
};

// The same in shared hands.
std::shared_ptr<std::byte> host_memory(int64_t bytes);

}  // namespace hearth
