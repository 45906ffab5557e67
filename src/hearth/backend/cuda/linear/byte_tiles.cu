// See tiles.h: prompts by integer weights. Both factors are bytes: tensor cores multiply them
// exactly, block by block of 32 columns, and the sums of blocks go along the columns in order. A
// block makes 128 weight rows by 64 or 128 rows of activations, eight warps with 32 weight rows
// each, four blocks of columns a step: while one step's are multiplied, the next step's codes are
// copied beside them and its factors wait in registers.
#include "hearth/backend/cuda/linear/chunk_dot.h"
#include "hearth/backend/cuda/linear/storages.h"
#include "hearth/backend/cuda/linear/tile.h"
#include "hearth/backend/cuda/linear/tiles.h"
#include "hearth/backend/cuda/simt/mma.h"

namespace hearth::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTall = 2;  // fragments of 16 weight rows of a warp
constexpr int kWarpsOut = kTileOut / (16 * kTall);
constexpr int kBlocks = 4;      // of 32 columns in a step
constexpr int kRowBytes = 128;  // of a step of activations
constexpr int kPad = 16;        // rows of a fragment lie in different banks

template <Storage S>
constexpr bool kBytes = S == Storage::q8_0;
template <Storage S>
constexpr int kRowChunks = kBytes<S> ? 8 : 4;  // of 16 bytes, of a step of a weight row

// Rows of activations of a block: two warps side by side, kWide fragments of eight each.
template <int kWide>
constexpr int kTileIn = 16 * kWide;

template <Storage S, int kWide>
struct alignas(16) Stage {
  uint8_t w[kTileOut][kRowChunks<S> * 16 + kPad];
  int8_t x[kTileIn<kWide>][kRowBytes + kPad];
  GroupFactors factors[kBlocks][kTileOut];
  float2 scales[kBlocks][kTileIn<kWide>];  // of activations, and the sums of their codes
};

// A thread's part of loading a step.
template <Storage S, int kWide>
struct Loader {
  static constexpr int kWeights = kTileOut * kRowChunks<S> / kThreads;
  static constexpr int kInputs = kTileIn<kWide> * 8 / kThreads;
  const uint4* w[kWeights];
  const int8_t* x[kInputs];
  WeightRow row;             // whose factors it loads
  const BlockScale* blocks;  // of the row of x whose scales it loads
  int chunks, end;           // of a row: chunks of codes, blocks
  GroupFactors factors[kBlocks];
  float2 scales[kBlocks];

  static __device__ __forceinline__ int thread() { return static_cast<int>(threadIdx.x); }
  static __device__ __forceinline__ int own_row() { return thread() % kTileOut; }
  static __device__ __forceinline__ bool has_input() { return thread() < kTileIn<kWide>; }

  __device__ __forceinline__ Loader(const Tile& tile, const RowsView& in) {
    HEARTH_UNROLL
    for (int i = 0; i < kWeights; ++i) {
      w[i] = tile.weight_row_at<S>((thread() + i * kThreads) / kRowChunks<S>).codes;
    }
    HEARTH_UNROLL
    for (int i = 0; i < kInputs; ++i) {
      const int id = tile.id_of((thread() + i * kThreads) / 8) / tile.per_row;
      x[i] = in.codes + int64_t{id} * in.columns;
    }
    row = tile.weight_row_at<S>(own_row());
    end = in.columns / 32;
    chunks = row.chunks;
    blocks = in.blocks + int64_t{tile.id_of(has_input() ? thread() : 0) / tile.per_row} * end;
  }

  __device__ __forceinline__ void begin(Stage<S, kWide>& stage, int block) {
    HEARTH_UNROLL
    for (int i = 0; i < kWeights; ++i) {
      const int c = thread() + i * kThreads;
      const int at = block * (kRowChunks<S> / kBlocks) + c % kRowChunks<S>;
      copy(&stage.w[c / kRowChunks<S>][c % kRowChunks<S> * 16], w[i] + at, at < chunks);
    }
    HEARTH_UNROLL
    for (int i = 0; i < kInputs; ++i) {
      const int c = thread() + i * kThreads;
      const int at = block * 2 + c % 8;
      copy(&stage.x[c / 8][c % 8 * 16], x[i] + at * 16, at < 2 * end);
    }
    HEARTH_UNROLL
    for (int b = 0; b < kBlocks; ++b) {
      factors[b] = {0, 0};
      scales[b] = {0, 0};
      if (block + b >= end) continue;
      if (thread() < kTileOut) factors[b] = block_factors<S>(row, block + b);
      if (has_input()) {
        const BlockScale s = blocks[block + b];
        scales[b] = {s.scale, static_cast<float>(s.low_sum + s.high_sum)};
      }
    }
  }
  __device__ __forceinline__ void end_step(Stage<S, kWide>& stage) {
    HEARTH_UNROLL
    for (int b = 0; b < kBlocks; ++b) {
      if (thread() < kTileOut) stage.factors[b][own_row()] = factors[b];
      if (has_input()) stage.scales[b][thread()] = scales[b];
    }
    simt::wait_copies();
  }

 private:
  static __device__ __forceinline__ void copy(void* to, const void* from, bool is_there) {
    if (is_there) {
      simt::copy_async(to, from);
    } else {
      *static_cast<uint4*>(to) = uint4{0, 0, 0, 0};
    }
  }
};

template <int kWide>
using Sums = float[kTall][kWide][4];

// The warp's 16 by 32 weights of fragment i.
template <Storage S, int kWide>
__device__ __forceinline__ void load_weights(const Stage<S, kWide>& stage, int row, int block,
                                             uint32_t (&a)[4]) {
  const int lane = simt::lane_index();
  if constexpr (kBytes<S>) {
    simt::load_matrices(a, &stage.w[row + lane % 16][block * 32 + lane / 16 * 16]);
  } else {
    HEARTH_UNROLL
    for (int half = 0; half < 2; ++half) {
      const uint32_t word = *reinterpret_cast<const uint32_t*>(
          &stage.w[row + 8 * half + lane / 4][block * 16 + lane % 4 * 4]);
      a[half] = word & 0x0f0f0f0fu;
      a[half + 2] = word >> 4 & 0x0f0f0f0fu;
    }
  }
}

template <Storage S, int kWide>
__device__ __forceinline__ void multiply_block(const Stage<S, kWide>& stage, int block,
                                               Sums<kWide>& sums) {
  const int lane = simt::lane_index();
  const int row = simt::warp_index() % kWarpsOut * (16 * kTall);
  const int in = simt::warp_index() / kWarpsOut * (8 * kWide);
  uint32_t a[kTall][4];
  GroupFactors f[kTall][2];
  HEARTH_UNROLL
  for (int i = 0; i < kTall; ++i) {
    load_weights(stage, row + 16 * i, block, a[i]);
    HEARTH_UNROLL
    for (int half = 0; half < 2; ++half) {
      f[i][half] = stage.factors[block][row + 16 * i + 8 * half + lane / 4];
    }
  }
  HEARTH_UNROLL
  for (int n = 0; n < kWide; n += 2) {
    uint32_t b[4];
    simt::load_matrices(
        b, &stage.x[in + 8 * n + lane % 8 + lane / 16 * 8][block * 32 + lane / 8 % 2 * 16]);
    HEARTH_UNROLL
    for (int j = 0; j < 2; ++j) {
      const float2* scales = &stage.scales[block][in + 8 * (n + j) + lane % 4 * 2];
      const float2 scale[2] = {scales[0], scales[1]};
      HEARTH_UNROLL
      for (int i = 0; i < kTall; ++i) {
        int products[4];
        simt::mma_s8(products, a[i], b[2 * j], b[2 * j + 1], simt::kFloatBias);
        HEARTH_UNROLL
        for (int e = 0; e < 4; ++e) {
          const GroupFactors& of = f[i][e / 2];
          float value = simt::scaled_sum(of.scale, products[e]);
          if (!kBytes<S>) value = fmaf(of.min, scale[e % 2].y, value);
          sums[i][n + j][e] = fmaf(scale[e % 2].x, value, sums[i][n + j][e]);
        }
      }
    }
  }
}

// The products of the tile, in the registers of the block.
template <Storage S, int kWide>
__device__ __forceinline__ void multiply(const Tile& tile, const RowsView& x, Sums<kWide>& sums) {
  auto* stages = reinterpret_cast<Stage<S, kWide>*>(simt::shared_memory());
  Loader<S, kWide> loader(tile, x);
  loader.begin(stages[0], 0);
  loader.end_step(stages[0]);
  simt::block_barrier();
  int stage = 0;
  for (int block = 0; block < loader.end; block += kBlocks) {
    const bool more = block + kBlocks < loader.end;
    if (more) loader.begin(stages[1 - stage], block + kBlocks);
    HEARTH_UNROLL
    for (int b = 0; b < kBlocks; ++b) multiply_block<S, kWide>(stages[stage], b, sums);
    if (more) loader.end_step(stages[1 - stage]);
    simt::block_barrier();
    stage = 1 - stage;
  }
}

// Of paired matrices a fragment's first eight rows are one's, the last eight the other's.
template <int kWide>
__device__ __forceinline__ void finish(const Tile& tile, const Output& to,
                                       const Sums<kWide>& sums) {
  const int lane = simt::lane_index();
  const int in = simt::warp_index() / kWarpsOut * (8 * kWide) + lane % 4 * 2;
  const int fragment = simt::warp_index() % kWarpsOut * kTall;
  HEARTH_UNROLL
  for (int n = 0; n < kWide; ++n) {
    HEARTH_UNROLL
    for (int e = 0; e < 2; ++e) {
      const int at = in + 8 * n + e;
      if (at >= tile.count) continue;
      float* row = to.out + int64_t{tile.id_of(at)} * tile.first.rows;
      HEARTH_UNROLL
      for (int i = 0; i < kTall; ++i) {
        const float first = sums[i][n][e];
        const float second = sums[i][n][2 + e];
        const int out = tile.out_row + (fragment + i) * (tile.paired ? 8 : 16) + lane / 4;
        if (tile.paired) {
          put_swiglu(tile, to, out, first, second, row);
        } else {
          put(tile, to, out, first, row);
          put(tile, to, out + 8, second, row);
        }
      }
    }
  }
}

template <Storage S, int kWide>
__global__ void __launch_bounds__(kThreads, 2)
    byte_tiles_kernel(const __grid_constant__ MatvecJob job) {
  simt::wait_for_inputs();
  const Tile tile = dense_tile(job, kTileIn<kWide>);
  Sums<kWide> sums = {};
  multiply<S, kWide>(tile, job.x, sums);
  finish<kWide>(tile, dense_output(job), sums);
}

template <Storage S, int kWide>
__global__ void __launch_bounds__(kThreads, 2)
    byte_expert_tiles_kernel(const ExpertJob job, const int32_t* sorted, const ExpertTile* tiles) {
  static_assert(kTileIn<kWide> == kTileRows);
  simt::wait_for_inputs();
  if (!has_work(job, tiles[blockIdx.x])) return;
  const Tile tile = expert_tile(job, sorted, tiles[blockIdx.x]);
  Sums<kWide> sums = {};
  multiply<S, kWide>(tile, job.x, sums);
  finish<kWide>(tile, expert_output(job), sums);
}

}  // namespace

void byte_tiles(Stream& stream, const MatvecJob& job) {
  if (job.rows == 0) return;
  constexpr int kFull = 8, kHalf = 4;
  const unsigned full = dense_tiles(job) * tile_count(job.rows, kTileIn<kFull>);
  // Where large tiles are too few for the device, more of half the size.
  const bool halved = full < static_cast<unsigned>(2 * stream.facts().processors);
  Grid grid;
  grid.threads = kThreads;
  grid.y = dense_tiles(job);
  with_byte_blocks(job.parts[0].w.storage, [&]<Storage S>() {
    grid.x = tile_count(job.rows, halved ? kTileIn<kHalf> : kTileIn<kFull>);
    grid.shared_bytes = 2 * (halved ? sizeof(Stage<S, kHalf>) : sizeof(Stage<S, kFull>));
    if (halved) return launch(stream, grid, byte_tiles_kernel<S, kHalf>, job);
    launch(stream, grid, byte_tiles_kernel<S, kFull>, job);
  });
}

void byte_expert_tiles(Stream& stream, const ExpertJob& job, const int32_t* sorted,
                       const ExpertTile* tiles, int32_t tile_count_max) {
  if (job.pairs == 0) return;
  constexpr int kWide = kTileRows / 16;
  Grid grid;
  grid.threads = kThreads;
  grid.x = static_cast<unsigned>(tile_count_max);
  grid.y = expert_tiles_along(job);
  with_byte_blocks(job.storage, [&]<Storage S>() {
    grid.shared_bytes = 2 * sizeof(Stage<S, kWide>);
    launch(stream, grid, byte_expert_tiles_kernel<S, kWide>, job, sorted, tiles);
  });
}

}  // namespace hearth::cuda
