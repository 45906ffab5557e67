// See source_tensor.h.
#include "hearth/convert/source_tensor.h"

#include "hearth/base/mapped_file.h"
#include "hearth/formats/codec.h"

namespace hearth {
namespace {

// Columns [column, column + columns) of a row.
void read_part(const StoredMatrix& part, int64_t row, int64_t column, int64_t columns, float* out) {
  if (part.foreign) {
    part.foreign->decode({row, 1, column, columns}, out);
  } else {
    decode_row(part.tensor, row, column, columns, out);
  }
}

}  // namespace

int64_t SourceTensor::stored_bytes() const {
  int64_t bytes = 0;
  for (const StoredMatrix& part : parts) {
    bytes += part.foreign ? part.foreign->stored_bytes() : part.tensor.bytes();
  }
  return bytes;
}

RowOrigin SourceTensor::origin_of(int64_t row) const {
  return origin ? origin(row) : RowOrigin{0, row};
}

void SourceTensor::read(int64_t row, float* out) const {
  const int64_t columns = shape.columns();
  const RowOrigin from = origin_of(row);
  const StoredMatrix& part = parts[from.part];
  if (from.transposed && part.foreign) {
    part.foreign->decode({from.row, columns, from.column, 1}, out);
  } else if (from.transposed) {
    for (int64_t c = 0; c < columns; ++c) read_part(part, from.row + c, from.column, 1, out + c);
  } else if (element) {
    for (int64_t c = 0; c < columns; ++c) read_part(part, 0, element(c), 1, out + c);
  } else {
    read_part(part, from.row, 0, columns, out);
  }
}

const std::byte* SourceTensor::verbatim(int64_t row, Format format) const {
  if (element) return nullptr;
  const RowOrigin from = origin_of(row);
  if (parts[from.part].foreign) return nullptr;
  const Tensor& part = parts[from.part].tensor;
  const bool alike = !from.transposed && part.format == format && part.scales == nullptr;
  return alike ? part.row(from.row) : nullptr;
}

void SourceTensor::forget_rows(int64_t begin, int64_t end) const {
  if (!origin && parts[0].foreign) {
    if (end == shape.rows()) parts[0].foreign->forget();  // its rows may lie anywhere in it
    return;
  }
  if (!origin) {
    const Tensor& part = parts[0].tensor;
    forget_pages(part.row(begin), (end - begin) * part.row_bytes);
    return;
  }
  const size_t after = end == shape.rows() ? parts.size() : origin_of(end).part;
  for (size_t part = origin_of(begin).part; part < after; ++part) {
    const StoredMatrix& done = parts[part];
    if (done.foreign) {
      done.foreign->forget();
    } else {
      forget_pages(done.tensor.data, done.tensor.bytes());
    }
  }
}

}  // namespace hearth
