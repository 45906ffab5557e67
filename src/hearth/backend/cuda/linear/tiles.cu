// See tiles.h. A block makes 128 rows by 128 weight rows, eight warps with 64 by 32 each, 32
// columns a step: while the tensor cores multiply one step's tiles, the next step's activations are
// copied beside them and its weights wait in registers. Sums go along the columns in one order.
#include "hearth/backend/cuda/linear/tiles.h"

#include "hearth/backend/cuda/linear/storages.h"
#include "hearth/backend/cuda/linear/tile.h"
#include "hearth/backend/cuda/linear/tile_weights.h"

namespace hearth::cuda {
namespace {

using simt::kWarp;

constexpr int kThreads = 256;
constexpr int kStep = 32;           // columns
constexpr int kStride = kStep + 8;  // in shared memory: rows of a fragment lie in different banks
constexpr int kWarpsOut = 4;        // warps along the weight rows
constexpr int kTall = 4;            // fragments of 16 rows of a warp
constexpr int kWide = 4;            // fragments of 8 weight rows of a warp

struct alignas(16) Shared {
  uint16_t x[2][kTileRows][kStride];
  uint16_t w[2][kTileOut][kStride];
};

// A thread's part of loading a step: sixteen columns of a row of x and of a weight row.
template <Storage S>
struct Loader {
  const uint16_t* x;
  MatrixView w;
  int w_row;
  int at, half;
  Piece<S> piece;

  __device__ __forceinline__ Loader(const Tile& tile, const uint16_t* rows, int stride)
      : x(nullptr), w(tile.paired && threadIdx.x / 16 % 2 == 1 ? tile.second : tile.first) {
    at = static_cast<int>(threadIdx.x) / 2;
    half = static_cast<int>(threadIdx.x) % 2;
    x = rows + int64_t{tile.id_of(at) / tile.per_row} * stride + kPiece * half;
    w_row = tile.out_row + (tile.paired ? at / 16 * 8 + at % 8 : at);
    if (w_row >= w.rows) w_row = w.rows - 1;
  }
  __device__ __forceinline__ void begin(Shared& shared, int stage, int column) {
    uint16_t* to = &shared.x[stage][at][kPiece * half];
    simt::copy_async(to, x + column, true);
    simt::copy_async(to + 8, x + column + 8, true);
    piece.load(w, w_row, column + kPiece * half);
  }
  __device__ __forceinline__ void end(Shared& shared, int stage) {
    piece.store(half, reinterpret_cast<uint4*>(&shared.w[stage][at][kPiece * half]));
    simt::wait_copies();
  }
};

using Sums = float[kTall][kWide][4];

__device__ __forceinline__ void multiply_step(const Shared& shared, int stage, Sums& sums) {
  const int lane = simt::lane_index();
  const int row = simt::warp_index() / kWarpsOut * (16 * kTall);
  const int out = simt::warp_index() % kWarpsOut * (8 * kWide);
  HEARTH_UNROLL
  for (int k = 0; k < kStep; k += 16) {
    uint32_t b[kWide / 2][4];
    HEARTH_UNROLL
    for (int j = 0; j < kWide / 2; ++j) {
      simt::load_matrices(
          b[j], &shared.w[stage][out + 16 * j + lane % 8 + lane / 16 * 8][k + lane / 8 % 2 * 8]);
    }
    HEARTH_UNROLL
    for (int i = 0; i < kTall; ++i) {
      uint32_t a[4];
      simt::load_matrices(a, &shared.x[stage][row + 16 * i + lane % 16][k + lane / 16 * 8]);
      HEARTH_UNROLL
      for (int j = 0; j < kWide; ++j) {
        simt::mma_bf16(sums[i][j], a, b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
      }
    }
  }
}

// The products of the tile, in the registers of the block.
template <Storage S>
__device__ __forceinline__ void multiply(const Tile& tile, const uint16_t* x, Sums& sums) {
  __shared__ Shared shared;
  HEARTH_UNROLL
  for (int i = 0; i < kTall; ++i) {
    HEARTH_UNROLL
    for (int j = 0; j < kWide; ++j) {
      HEARTH_UNROLL
      for (int e = 0; e < 4; ++e) sums[i][j][e] = 0;
    }
  }
  const int columns = (tile.first.columns + kStep - 1) / kStep * kStep;  // rounded_columns
  Loader<S> loader(tile, x, columns);
  loader.begin(shared, 0, 0);
  loader.end(shared, 0);
  simt::block_barrier();
  int stage = 0;
  for (int column = kStep; column < columns; column += kStep) {
    loader.begin(shared, 1 - stage, column);
    multiply_step(shared, stage, sums);
    loader.end(shared, 1 - stage);
    simt::block_barrier();
    stage = 1 - stage;
  }
  multiply_step(shared, stage, sums);
}

__device__ __forceinline__ void finish_row(const Tile& tile, const Output& to, int id,
                                           const float (&sums)[kWide][4], int half) {
  const int lane = simt::lane_index();
  const int out = simt::warp_index() % kWarpsOut * (8 * kWide) + lane % 4 * 2;
  float* row = to.out + int64_t{id} * tile.first.rows;
  HEARTH_UNROLL
  for (int j = 0; j < kWide; j += 1) {
    HEARTH_UNROLL
    for (int e = 0; e < 2; ++e) {
      const float sum = sums[j][2 * half + e];
      if (!tile.paired) {
        put(tile, to, tile.out_row + out + 8 * j + e, sum, row);
      } else if (j % 2 == 0) {
        const int at = tile.out_row + (out - lane % 4 * 2) / 2 + j / 2 * 8 + lane % 4 * 2 + e;
        put_swiglu(tile, to, at, sum, sums[(j + 1) % kWide][2 * half + e], row);
      }
    }
  }
}

__device__ __forceinline__ void finish(const Tile& tile, const Output& to, const Sums& sums) {
  const int first = simt::warp_index() / kWarpsOut * (16 * kTall) + simt::lane_index() / 4;
  HEARTH_UNROLL
  for (int i = 0; i < kTall; ++i) {
    HEARTH_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int at = first + 16 * i + 8 * half;
      if (at < tile.count) finish_row(tile, to, tile.id_of(at), sums[i], half);
    }
  }
}

template <Storage S>
__global__ void __launch_bounds__(kThreads)
    tiles_kernel(const __grid_constant__ MatvecJob job, const uint16_t* x) {
  simt::wait_for_inputs();
  const Tile tile = dense_tile(job, kTileRows);
  Sums sums;
  multiply<S>(tile, x, sums);
  finish(tile, dense_output(job), sums);
}

template <Storage S>
__global__ void __launch_bounds__(kThreads)
    expert_tiles_kernel(const ExpertJob job, const uint16_t* x, const int32_t* sorted,
                        const ExpertTile* tiles) {
  simt::wait_for_inputs();
  if (!has_work(job, tiles[blockIdx.x])) return;
  const Tile tile = expert_tile(job, sorted, tiles[blockIdx.x]);
  Sums sums;
  multiply<S>(tile, x, sums);
  finish(tile, expert_output(job), sums);
}

__global__ void __launch_bounds__(kThreads)
    round_kernel(const float* x, uint16_t* out, int32_t columns, int32_t stride) {
  simt::wait_for_inputs();
  const float* from = x + int64_t{blockIdx.x} * columns;
  uint16_t* to = out + int64_t{blockIdx.x} * stride;
  for (int i = static_cast<int>(threadIdx.x); i < stride; i += kThreads) {
    to[i] = i < columns ? simt::to_bf16(from[i]) : uint16_t{0};
  }
}

}  // namespace

void round_rows(Stream& stream, const float* x, uint16_t* out, int64_t rows, int32_t columns) {
  if (rows == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>(rows);
  grid.threads = kThreads;
  launch(stream, grid, round_kernel, x, out, columns, rounded_columns(columns));
}

void tiles(Stream& stream, const MatvecJob& job, const uint16_t* x) {
  if (job.rows == 0) return;
  Grid grid;
  grid.x = tile_count(job.rows, kTileRows);
  grid.threads = kThreads;
  grid.y = dense_tiles(job);
  with_storage(job.parts[0].w.storage,
               [&]<Storage S>() { launch(stream, grid, tiles_kernel<S>, job, x); });
}

void expert_tiles(Stream& stream, const ExpertJob& job, const uint16_t* x, const int32_t* sorted,
                  const ExpertTile* tiles, int32_t tile_count_max) {
  if (job.pairs == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>(tile_count_max);
  grid.y = expert_tiles_along(job);
  grid.threads = kThreads;
  with_storage(job.storage, [&]<Storage S>() {
    launch(stream, grid, expert_tiles_kernel<S>, job, x, sorted, tiles);
  });
}

}  // namespace hearth::cuda
