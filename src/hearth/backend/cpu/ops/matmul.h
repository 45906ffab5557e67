// The matrix product of the CPU backend. A task is some rows of a weight times all rows of
// activations; it goes over the activations in tiles and hands each tile of results to its caller,
// who adds, scales or stores them while they are in cache.
//
// Quantised weights are multiplied in integers with activations of eight bits (QuantizedRows),
// packed floats and FP8 in float; weights that are not packed are decoded to float a few rows at a
// time.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/backend/quantized_bytes.h"
#include "hearth/base/checked_math.h"

namespace hearth::cpu {

inline constexpr int64_t kTileTokens = 64;  // rows of activations whose results stay in L1

// Rows of activations [rows, columns], in float and, where a packed weight wants them, in 8 bits.
struct Activations {
  Tensor f32;
  QuantizedRows q{};  // of all rows, in tiles: see tile_of

  int64_t rows() const { return f32.rows(); }
};

// Whether its rows are packed anew each time that they are multiplied.
bool is_mapped(const Weight& weight);

// Whether a weight is multiplied in integers.
bool wants_eight_bits(const Weight& weight);

// The eight-bit planes of `rows` rows of `columns` in memory of quantized_bytes(rows, columns).
QuantizedRows quantized_planes(int64_t rows, int64_t columns, std::byte* memory);

// Rows [first, first + count) as a tile of their own. Tiles follow each other in memory; each has
// its blocks outermost, so that one block of all its rows is contiguous. Whoever writes a tile
// reads it with the same bounds.
QuantizedRows tile_of(const QuantizedRows& x, int64_t first, int64_t count);

// Calls f(first, count) for the tiles that cut `rows`.
template <typename F>
void for_each_tile(int64_t rows, const F& f) {
  for (int64_t first = 0; first < rows; first += kTileTokens) {
    f(first, std::min(kTileTokens, rows - first));
  }
}

// Results of rows [row, row + rows) of a weight for tokens [first, first + count):
// values[group][token][lane], groups of 16 rows.
struct ResultTile {
  float* values;
  int64_t first, count;
  int64_t row, rows;

  int64_t padded_values() const { return round_up(rows, kGroupRows) * count; }

  // Calls f(token, row, lanes, n) for each run of n <= 16 neighbouring rows of a token.
  template <typename F>
  void for_each_run(const F& f) const {
    for (int64_t r = 0; r < rows; r += kGroupRows) {
      for (int64_t t = 0; t < count; ++t) {
        float* lanes = values + (r / kGroupRows * count + t) * kGroupRows;
        f(first + t, row + r, lanes, std::min(kGroupRows, rows - r));
      }
    }
  }
};

// Rows [row, row + 32) of a weight (fewer at its end) times a tile of tokens; `out` has room for 2
// groups of 16 x count.
void multiply_tile(const KernelTable& kernels, const Weight& weight, const Activations& x,
                   int64_t first, int64_t count, int64_t row, float* out);

inline constexpr int64_t kPairRows = 2 * kGroupRows;

// How the rows of a weight are cut into tasks. Large tasks read a tile of activations once for many
// rows; small ones give every thread some. The results don't depend on it.
struct TaskCut {
  int64_t out;
  int64_t rows;  // of a task, a multiple of 32

  TaskCut(int64_t outputs, int threads)
      : out(outputs),
        rows(std::clamp(outputs / (4 * threads) / kPairRows, int64_t{1}, int64_t{4}) * kPairRows) {}
  int64_t count() const { return ceil_div(out, rows); }
};

// Multiply-adds of a matrix and so many rows.
inline int64_t work_of(const Weight& weight, int64_t rows) {
  return weight.out() * weight.in() * rows;
}

// A task's results, tile by tile, to `emit(ResultTile)`. Tokens [begin, begin + tokens) of x.
template <typename Emit>
void multiply_task(const KernelTable& kernels, const Weight& weight, const Activations& x,
                   int64_t begin, int64_t tokens, const TaskCut& cut, int64_t task,
                   const Emit& emit) {
  alignas(64) float buffer[kPairRows * kTileTokens];
  const int64_t row = task * cut.rows;
  const int64_t end = std::min(row + cut.rows, weight.out());
  const auto tile = [&](int64_t first, int64_t count, int64_t r) {
    multiply_tile(kernels, weight, x, begin + first, count, r, buffer);
    emit(ResultTile{buffer, begin + first, count, r, std::min(kPairRows, end - r)});
  };
  if (is_mapped(weight)) {  // rows outermost: they are packed once for all tokens
    for (int64_t r = row; r < end; r += kPairRows) {
      for_each_tile(tokens, [&](int64_t first, int64_t count) { tile(first, count, r); });
    }
    return;
  }
  for_each_tile(tokens, [&](int64_t first, int64_t count) {
    for (int64_t r = row; r < end; r += kPairRows) tile(first, count, r);
  });
}

// Elements [first, first + count) of a row as f32: by the kernels where they know the format, by
// the codec elsewhere; the same bits either way.
void decode_span(const KernelTable& kernels, const Tensor& t, int64_t row, int64_t first,
                 int64_t count, float* out);

// Rows [begin, begin + count) of a weight as f32 [count, columns], in `scratch` or in place.
const float* decode_rows(const KernelTable& kernels, const Tensor& weight, int64_t begin,
                         int64_t count, std::vector<float>& scratch);

}  // namespace hearth::cpu
