// A weight matrix as kernels read it: planes of codes and scales in device memory, every row
// beginning at a multiple of 16 bytes. Bits are those of the checkpoint, only their places differ.
//
//   f32 f16 bf16   codes [rows][columns], rows padded to 16 bytes
//   f8             codes [rows][columns] e4m3, scales f32 [rows / 128][columns / 128]
//   codes8         codes [rows][columns] int8; scales, and mins where the format has them, f32
//                  [rows][columns / group], group 16 or 32: any format with an integer view
//   q8_0           codes [rows][columns] int8, scales f16 [rows][columns / 32]
//   q4_0           codes [rows][columns / 32][16], a byte holding code j low and code j + 16 high,
//                  scales f16 [rows][columns / 32]; value = scale * (code - 8)
//   q4_k           codes as q4_0; scales 16 bytes a block of 256: d, dmin (f16) and the twelve
//                  bytes of packed six-bit scales and mins as the format has them
#pragma once

#include <cstdint>

namespace hearth::cuda {

enum class Storage : uint8_t { f32, f16, bf16, f8, codes8, q8_0, q4_0, q4_k };

// Activations meet codes as eight-bit integers there, as floats elsewhere.
constexpr bool is_integer(Storage s) {
  return s >= Storage::codes8;
}

// 32 weights in a row share a scale, and their codes fit in bytes: tensor cores multiply them by
// activations in eight bits, block by block.
constexpr bool has_byte_blocks(Storage s) {
  return s == Storage::q8_0 || s == Storage::q4_0 || s == Storage::q4_k;
}

// Weights in 16 bytes of the codes plane: what a thread loads at once.
constexpr int chunk_values(Storage s) {
  switch (s) {
    case Storage::f32:
      return 4;
    case Storage::f16:
    case Storage::bf16:
      return 8;
    case Storage::f8:
    case Storage::codes8:
    case Storage::q8_0:
      return 16;
    case Storage::q4_0:
    case Storage::q4_k:
      return 32;
  }
  return 0;
}

struct MatrixView {
  const uint8_t* codes = nullptr;
  const void* scales = nullptr;
  const float* mins = nullptr;  // of codes8; null: none
  int32_t rows = 0;
  int32_t columns = 0;
  int32_t chunks = 0;         // of a row
  int32_t scale_columns = 0;  // scales of a row (f8: of a row of tiles)
  int32_t group = 32;         // of codes8
  Storage storage = Storage::f32;
  bool operator==(const MatrixView&) const = default;
};

// Activations in eight bits: the scale of 32 codes, and the sums of their halves.
struct BlockScale {
  float scale;
  int16_t low_sum, high_sum;
};

// Rows of activations: floats, or codes with their blocks.
struct RowsView {
  const float* floats = nullptr;       // [rows][columns]
  const int8_t* codes = nullptr;       // [rows][columns]
  const BlockScale* blocks = nullptr;  // [rows][columns / 32]
  int32_t columns = 0;
};

// What comes before a matrix.
struct NormView {
  const float* weight = nullptr;  // [columns]; null: no norm
  double eps = 0;
};

}  // namespace hearth::cuda
