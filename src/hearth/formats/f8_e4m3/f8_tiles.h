// Block-scaled FP8 as DeepSeek-V3 stores it: each tile of 128 rows x 128 columns is divided by its
// scale = amax / 448 and rounded to F8_E4M3. Tiles at the lower and right edge may be ragged.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth {

// How many tiles cover a [rows, columns] weight; `weight_scale_inv` has that shape.
struct Fp8Tiles {
  int64_t rows = 0;
  int64_t columns = 0;

  static Fp8Tiles of(int64_t weight_rows, int64_t weight_columns);
  int64_t count() const { return rows * columns; }
};

// in: [rows, columns], finite; out: rows * columns bytes; scales: Fp8Tiles::of(rows, columns).
// A tile of zeros gets scale 1.
void encode_f8_tiles(const float* in, int64_t rows, int64_t columns, std::byte* out, float* scales);

}  // namespace hearth
