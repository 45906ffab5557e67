// See file_matrix.h.
#include "hearth/backend/cpu/experts/file_matrix.h"

#include <cstring>

namespace hearth {
namespace {

// As CpuBackend::prepare_from_file makes it.
bool has_kernels(Format format) {
  return cpu::float_format(format) || format == Format::f8_e4m3 || cpu::packed_format(format);
}

}  // namespace

int64_t held_matrix_bytes(const Tensor& stored) {
  int64_t bytes = stored.bytes();
  if (has_kernels(stored.format)) {
    const cpu::PackedMatrix form = cpu::packed_layout(stored);
    bytes = ceil_div(stored.rows(), form.group_rows()) * form.group_bytes;
  }
  return round_up(bytes, 64);
}

int64_t read_room_bytes(const Tensor& stored) {
  int64_t bytes = DirectFile::room_bytes(stored.bytes()) + DirectFile::kAlignment;
  if (stored.scales) {
    const int64_t tiles =
        ceil_div(stored.rows(), kScaleTile) * ceil_div(stored.columns(), kScaleTile);
    bytes += DirectFile::room_bytes(tiles * 4);
  } else {
    bytes += DirectFile::room_bytes(0);
  }
  return bytes;
}

}  // namespace hearth

namespace hearth::cpu {

Status load_matrix(const FileMatrix& matrix, std::byte* room, uint8_t* out) {
  TRY_ASSIGN(const std::byte* bytes, matrix.file->read(matrix.offset, matrix.stored_bytes(), room));
  if (matrix.kind == PackedMatrix::Kind::stored) {
    std::memcpy(out, bytes, static_cast<size_t>(matrix.stored_bytes()));
    return Status::ok();
  }
  Tensor stored = matrix.stored;
  stored.data = const_cast<std::byte*>(bytes);  // only read
  if (matrix.scales_bytes > 0) {
    TRY_ASSIGN(const std::byte* scales,
               matrix.scales_file->read(matrix.scales_offset, matrix.scales_bytes,
                                        room + DirectFile::room_bytes(matrix.stored_bytes())));
    stored.scales = reinterpret_cast<const float*>(scales);
    stored.scale_columns = matrix.scale_columns;
  }
  for (int64_t g = 0; g < matrix.groups(); ++g) {
    pack_rows(stored, matrix, g, out + g * matrix.group_bytes);
  }
  return Status::ok();
}

}  // namespace hearth::cpu
