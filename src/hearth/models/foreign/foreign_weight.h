// ForeignWeight: one matrix as another tool's quantiser stores it, in as many tensors as that
// takes. What it means is `decode`; how Hearth holds it is `home`, the nearest of our own formats.
// The loader asks for rows in that format, the quantiser for floats; neither learns the scheme.
#pragma once

#include <span>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/tensor/tensor.h"

namespace hearth {

// Rows [row, row + rows) by columns [column, column + columns) of a matrix.
struct Window {
  int64_t row = 0;
  int64_t rows = 0;
  int64_t column = 0;
  int64_t columns = 0;
};

// Views of a checkpoint that outlives it. Thread-safe (const). All sizes were checked when it was
// made, so that no access can leave the tensors.
class ForeignWeight {
 public:
  virtual ~ForeignWeight() = default;

  const Shape& shape() const { return shape_; }  // [out, in]
  Format home() const { return home_; }
  int64_t stored_bytes() const { return stored_bytes_; }

  // The float32 values that the tool's own dequantisation means, row by row into `out`.
  virtual void decode(const Window& window, float* out) const = 0;
  // Rows [begin, begin + out.rows()) in `home`, without a detour where integers can be carried
  // over. invalid: a value that the format can't hold.
  virtual Status repack(int64_t begin, const Tensor& out) const;

  // The bulk of the stored bytes may leave memory.
  virtual void forget() const;

 protected:
  ForeignWeight(const Shape& shape, Format home) : shape_(shape), home_(home) {}
  void set_home(Format home) { home_ = home; }
  void set_stored(std::span<const std::byte> bulk, int64_t bytes) {
    bulk_ = bulk;
    stored_bytes_ = bytes;
  }

 private:
  Shape shape_;
  Format home_;
  std::span<const std::byte> bulk_;
  int64_t stored_bytes_ = 0;
};

// `wanted` where rows of `columns` fill its blocks, else F16.
Format home_for(Format wanted, int64_t columns);

// All rows into `out`, of any format: a bounded number of them at a time, so that nothing but `out`
// grows with the matrix. invalid: a value that its format can't hold, with its place.
Status write_rows(const ForeignWeight& weight, const Tensor& out);

}  // namespace hearth
