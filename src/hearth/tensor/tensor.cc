// Shape arithmetic and slicing. Sizes were checked by whoever read them; here overflow is a bug.
#include "hearth/tensor/tensor.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "hearth/base/checked_math.h"

namespace hearth {

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
  CHECK_LE(rank_, kRankMax);
  for (size_t i = 0; i < sizes.size(); ++i) {
    CHECK_GE(sizes[i], 0);
    sizes_[i] = sizes[i];
  }
}

int64_t Shape::rows() const {
  int64_t rows = 1;
  for (int i = 0; i + 1 < rank_; ++i) {
    const auto product = checked_mul(rows, sizes_[i]);
    CHECK(product.has_value());
    rows = *product;
  }
  return rows;
}

int64_t Shape::elements() const {
  const auto product = checked_mul(rows(), columns());
  CHECK(product.has_value());
  return *product;
}

bool Shape::operator==(const Shape& other) const {
  if (rank_ != other.rank_) return false;
  for (int i = 0; i < rank_; ++i) {
    if (sizes_[i] != other.sizes_[i]) return false;
  }
  return true;
}

std::string Shape::to_string() const {
  return fmt::format("[{}]", fmt::join(sizes_, sizes_ + rank_, ", "));
}

int64_t Tensor::packed_row_bytes(Format format, int64_t columns) {
  const FormatInfo& info = format_info(format);
  CHECK_EQ(columns % info.block_elements, 0);
  return columns / info.block_elements * info.block_bytes;
}

Tensor Tensor::packed(Format format, const Shape& shape, std::byte* data) {
  Tensor t;
  t.format = format;
  t.shape = shape;
  t.row_bytes = packed_row_bytes(format, shape.columns());
  t.data = data;
  return t;
}

Tensor Tensor::row_slice(int64_t begin, int64_t count) const {
  CHECK(begin >= 0 && count >= 0 && begin + count <= rows());
  Tensor t = *this;
  t.shape = {count, columns()};
  if (data != nullptr) t.data = row(begin);  // null where nothing is computed, only planned
  if (scales) {
    CHECK_EQ(begin % kScaleTile, 0);
    t.scales += begin / kScaleTile * scale_columns;
  }
  return t;
}

Tensor Tensor::outer(int64_t i) const {
  CHECK_EQ(shape.rank(), 3);
  return row_slice(i * shape[1], shape[1]);
}

void Buffer::Free::operator()(std::byte* p) const {
  std::free(p);
}

Buffer::Buffer(int64_t bytes) : bytes_(bytes) {
  CHECK_GE(bytes, 0);
  if (bytes == 0) return;
  const auto size = static_cast<size_t>(round_up(bytes, 64));
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(64, size)));
  CHECK(data_ != nullptr);  // the memory plan was checked before; what is left is a true shortage
  std::memset(data_.get(), 0, size);
}

std::shared_ptr<std::byte> host_memory(int64_t bytes) {
  auto buffer = std::make_shared<Buffer>(bytes);
  return {buffer, buffer->data()};
}

}  // namespace hearth
