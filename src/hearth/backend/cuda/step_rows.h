// StepRows: a Batch as the kernels read it, in device memory. Rows are sorted by nothing: row t of
// the batch is row t of every activation.
#pragma once

#include <cstdint>

namespace hearth::cuda {

// Row t of the batch: which sequence, which position, which role.
struct RowPlace {
  int32_t sequence;
  int32_t position;
  int32_t generated;  // 1 generated, 0 prompt
};

// Consecutive rows of one sequence (Batch's SequenceRows).
struct SequencePlace {
  int32_t first_row;
  int32_t rows;
  int32_t start;
  int32_t generated;
};

inline constexpr int kTickets = 64;

struct StepRows {
  // On the device.
  const RowPlace* places = nullptr;          // [rows]
  const SequencePlace* sequences = nullptr;  // [sequence_count]
  const int32_t* block_table = nullptr;      // [sequence_count][table_width]
  const int32_t* prompt_rows = nullptr;      // row numbers of prompt rows, ascending
  const int32_t* generated_rows = nullptr;   // and of generated ones
  // [generated_count][kTickets], zero between kernels: how many blocks of a row are done.
  int32_t* tickets = nullptr;
  // On the host: what grids are chosen by. A captured graph serves every batch that has the same.
  int32_t rows = 0;
  int32_t sequence_count = 0;
  int32_t table_width = 0;
  int32_t prompt_count = 0;
  int32_t generated_count = 0;
  int32_t prompt_rows_max = 0;    // most rows of one prompt sequence
  int32_t generated_end_max = 0;  // longest history of a generated row, rounded up to 512 * 2^n
  int32_t prompt_end_max = 0;     // longest history of a prompt row
  bool one_each = true;           // generated sequences have one row each
};

}  // namespace hearth::cuda
