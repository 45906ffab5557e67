// A matrix of a routed expert that stays in its file: where it lies, and how it will be held while
// it is in memory.
#pragma once

#include <memory>

#include "hearth/backend/cpu/pack/packed_matrix.h"
#include "hearth/base/direct_file.h"

namespace hearth::cpu {

// `data` of the form is never set: the cached expert has a form of its own.
struct FileMatrix : PackedMatrix {
  Tensor stored;  // format and shape, no data
  std::shared_ptr<const DirectFile> file, scales_file;
  int64_t offset = 0, scales_offset = 0;
  int64_t scale_columns = 0;
  int64_t scales_bytes = 0;
  int64_t held_bytes = 0;  // packed, a multiple of 64

  int64_t stored_bytes() const { return stored.bytes(); }
  int64_t groups() const { return ceil_div(stored.rows(), group_rows()); }
  // Of a reading thread: the bytes as stored, behind them the scales.
  int64_t room_bytes() const {
    return DirectFile::room_bytes(stored_bytes()) + DirectFile::room_bytes(scales_bytes);
  }
};

inline const FileMatrix* file_matrix(const Weight& weight) {
  return dynamic_cast<const FileMatrix*>(weight.form.get());
}

// Reads through `room` [room_bytes()], packs into `out` [held_bytes].
Status load_matrix(const FileMatrix& matrix, std::byte* room, uint8_t* out);

}  // namespace hearth::cpu
