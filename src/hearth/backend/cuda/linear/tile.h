// What a block of the tile kernels works on, and where its results go: see tiles.h.
#pragma once

#include "hearth/backend/cuda/linear/chunk_dot.h"
#include "hearth/backend/cuda/linear/finish.h"
#include "hearth/backend/cuda/linear/tiles.h"

namespace hearth::cuda {

inline constexpr int kTileOut = 128;  // weight rows

// Of two matrices (swiglu) a tile has 64 rows each, eight by eight in turn, so that a thread's sums
// of both are for the same output.
struct Tile {
  MatrixView first, second;
  bool paired;
  int out_row;         // of the first of its weight rows
  const int32_t* ids;  // of its rows; null: they are numbers from `row` on
  int row, count;      // rows
  int per_row;         // outputs that share a row of x

  __device__ __forceinline__ int id_of(int i) const {
    const int at = i < count ? i : count - 1;  // rows beyond the last: computed and not stored
    return ids == nullptr ? row + at : ids[at];
  }
  // Weight row i of the tile, the last one where there are fewer.
  template <Storage S>
  __device__ __forceinline__ WeightRow weight_row_at(int i) const {
    const MatrixView& w = paired && i / 8 % 2 == 1 ? second : first;
    const int at = out_row + (paired ? i / 16 * 8 + i % 8 : i);
    return weight_row<S>(w, at < w.rows ? at : w.rows - 1);
  }
};

struct Output {
  float* out;  // rows by first.rows
  const float* bias;
  const float* second_bias;
  Finish finish;
};

// The tile of block (x, y) of a grid of dense_tiles along y.
__device__ __forceinline__ Tile dense_tile(const MatvecJob& job, int rows) {
  const bool paired = job.finish == Finish::swiglu;
  const int out_rows = paired ? kTileOut / 2 : kTileOut;
  int part = 0;
  int block = static_cast<int>(blockIdx.y);
  while (!paired && block >= (job.parts[part].w.rows + out_rows - 1) / out_rows) {
    block -= (job.parts[part].w.rows + out_rows - 1) / out_rows;
    ++part;
  }
  const int row = static_cast<int>(blockIdx.x) * rows;
  return {job.parts[part].w,
          job.parts[paired ? 1 : part].w,
          paired,
          block * out_rows,
          job.row_ids == nullptr ? nullptr : job.row_ids + row,
          row,
          job.rows - row < rows ? job.rows - row : rows,
          1};
}
__device__ __forceinline__ Output dense_output(const MatvecJob& job) {
  const bool paired = job.finish == Finish::swiglu;
  int part = 0;
  int block = static_cast<int>(blockIdx.y);
  while (!paired && block >= (job.parts[part].w.rows + kTileOut - 1) / kTileOut) {
    block -= (job.parts[part].w.rows + kTileOut - 1) / kTileOut;
    ++part;
  }
  return {job.parts[part].out, job.parts[part].bias, job.parts[1].bias, job.finish};
}

// Whether a tile of the experts' grid is a job's work.
__device__ __forceinline__ bool has_work(const ExpertJob& job, const ExpertTile& t) {
  return t.count > 0 && first_of(job.experts[t.expert], job.which).storage == job.storage;
}
__device__ __forceinline__ Tile expert_tile(const ExpertJob& job, const int32_t* sorted,
                                            const ExpertTile& t) {
  const ExpertViews& e = job.experts[t.expert];
  const bool paired = job.which == ExpertMatrices::gate_up;
  const int out_row = static_cast<int>(blockIdx.y) * (paired ? kTileOut / 2 : kTileOut);
  return {first_of(e, job.which), e.up, paired, out_row, sorted + t.first, 0, t.count, job.per_row};
}
__device__ __forceinline__ Output expert_output(const ExpertJob& job) {
  return {job.out, nullptr, nullptr,
          job.which == ExpertMatrices::gate_up ? Finish::swiglu : Finish::store};
}

// A product to its place in a row of results, if weight row `at` is one.
__device__ __forceinline__ void put(const Tile& tile, const Output& to, int at, float sum,
                                    float* row) {
  if (at >= tile.first.rows) return;
  const float value = biased(sum, to.bias, at);
  row[at] = to.finish == Finish::add ? row[at] + value : value;
}
__device__ __forceinline__ void put_swiglu(const Tile& tile, const Output& to, int at, float gate,
                                           float up, float* row) {
  if (at >= tile.first.rows) return;
  row[at] = silu(biased(gate, to.bias, at)) * biased(up, to.second_bias, at);
}

inline unsigned tile_count(int64_t rows, int64_t each) {
  return static_cast<unsigned>((rows + each - 1) / each);
}
inline unsigned expert_tiles_along(const ExpertJob& job) {
  return tile_count(job.rows, job.which == ExpertMatrices::gate_up ? kTileOut / 2 : kTileOut);
}
inline unsigned dense_tiles(const MatvecJob& job) {
  if (job.finish == Finish::swiglu) return tile_count(job.parts[0].w.rows, kTileOut / 2);
  unsigned tiles = 0;
  for (int i = 0; i < job.count; ++i) tiles += tile_count(job.parts[i].w.rows, kTileOut);
  return tiles;
}

}  // namespace hearth::cuda
