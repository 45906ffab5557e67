// See source_tensor.h.
#include "hearth/convert/source_tensor.h"

#include "hearth/base/mapped_file.h"
#include "hearth/formats/codec.h"

namespace hearth {

int64_t SourceTensor::stored_bytes() const {
  int64_t bytes = 0;
  for (const Tensor& part : parts) bytes += part.bytes();
  return bytes;
}

RowOrigin SourceTensor::origin_of(int64_t row) const {
  return origin ? origin(row) : RowOrigin{0, row};
}

void SourceTensor::read(int64_t row, float* out) const {
  const int64_t columns = shape.columns();
  const RowOrigin from = origin_of(row);
  const Tensor& part = parts[from.part];
  if (from.transposed) {
    for (int64_t c = 0; c < columns; ++c) decode_row(part, from.row + c, from.column, 1, out + c);
  } else if (element) {
    for (int64_t c = 0; c < columns; ++c) decode_row(part, 0, element(c), 1, out + c);
  } else {
    decode_row(part, from.row, 0, columns, out);
  }
}

const std::byte* SourceTensor::verbatim(int64_t row, Format format) const {
  if (element) return nullptr;
  const RowOrigin from = origin_of(row);
  const Tensor& part = parts[from.part];
  const bool alike = !from.transposed && part.format == format && part.scales == nullptr;
  return alike ? part.row(from.row) : nullptr;
}

void SourceTensor::forget_rows(int64_t begin, int64_t end) const {
  if (!origin) {
    forget_pages(parts[0].row(begin), (end - begin) * parts[0].row_bytes);
    return;
  }
  const size_t after = end == shape.rows() ? parts.size() : origin_of(end).part;
  for (size_t part = origin_of(begin).part; part < after; ++part) {
    forget_pages(parts[part].data, parts[part].bytes());
  }
}

}  // namespace hearth
