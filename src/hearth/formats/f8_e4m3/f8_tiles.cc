// See f8_tiles.h. One pass for the tile's largest magnitude, one to divide and round.
#include "hearth/formats/f8_e4m3/f8_tiles.h"

#include <algorithm>
#include <cmath>

#include "hearth/base/checked_math.h"
#include "hearth/formats/f8_e4m3/f8_e4m3.h"
#include "hearth/tensor/tensor.h"

namespace hearth {
namespace {

struct Tile {
  int64_t row_begin, row_end, column_begin, column_end;
};

float tile_scale(const float* in, int64_t columns, const Tile& tile) {
  float amax = 0;
  for (int64_t r = tile.row_begin; r < tile.row_end; ++r) {
    for (int64_t c = tile.column_begin; c < tile.column_end; ++c) {
      amax = std::max(amax, std::abs(in[r * columns + c]));
    }
  }
  const float scale = amax / F8E4M3::kMax;
  return scale > 0 ? scale : 1.0f;  // also when amax / 448 underflows
}

}  // namespace

Fp8Tiles Fp8Tiles::of(int64_t weight_rows, int64_t weight_columns) {
  return {ceil_div(weight_rows, kScaleTile), ceil_div(weight_columns, kScaleTile)};
}

void encode_f8_tiles(const float* in, int64_t rows, int64_t columns, std::byte* out,
                     float* scales) {
  const Fp8Tiles tiles = Fp8Tiles::of(rows, columns);
  for (int64_t i = 0; i < tiles.count(); ++i) {
    const int64_t r0 = i / tiles.columns * kScaleTile;
    const int64_t c0 = i % tiles.columns * kScaleTile;
    const Tile tile{r0, std::min(r0 + kScaleTile, rows), c0, std::min(c0 + kScaleTile, columns)};
    const float scale = scales[i] = tile_scale(in, columns, tile);
    for (int64_t r = tile.row_begin; r < tile.row_end; ++r) {
      for (int64_t c = tile.column_begin; c < tile.column_end; ++c) {
        // A subnormal scale is coarse, and the quotient may pass 448 by more than rounding.
        const float value = std::clamp(in[r * columns + c] / scale, -F8E4M3::kMax, F8E4M3::kMax);
        out[r * columns + c] = std::byte{F8E4M3::encode(value)};
      }
    }
  }
}

}  // namespace hearth
