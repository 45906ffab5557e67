// See tiles.h: prompts by integer weights. Both factors are bytes: tensor cores multiply them
// exactly, block by block of 32 columns, and the sums of blocks go along the columns in order. A
// block makes 128 weight rows by 64 rows of activations, four warps with 32 weight rows each (for
// experts, twice as many warps and rows of activations), four blocks of columns a step. While one
// step is multiplied, the next one's bytes are copied beside it, codes and factors alike: nothing
// waits for a load in the middle of a step. Factors become floats once a step, in the order in
// which lanes read them.
#include "hearth/backend/cuda/linear/chunk_dot.h"
#include "hearth/backend/cuda/linear/storages.h"
#include "hearth/backend/cuda/linear/tile.h"
#include "hearth/backend/cuda/linear/tiles.h"
#include "hearth/backend/cuda/simt/mma.h"

namespace hearth::cuda {
namespace {

constexpr int kTall = 2;  // fragments of 16 weight rows of a warp
constexpr int kWide = 8;  // fragments of 8 rows of activations of a warp
constexpr int kWarpOut = 16 * kTall, kWarpIn = 8 * kWide;
constexpr int kWarpsOut = kTileOut / kWarpOut;
constexpr int kBlocks = 4;      // of 32 columns in a step
constexpr int kRowBytes = 128;  // of a step of activations
constexpr int kPad = 16;        // rows of a fragment lie in different banks

template <Storage S>
constexpr bool kBytes = S == Storage::q8_0;
template <Storage S>
constexpr bool kHasMin = S == Storage::q4_k;
template <Storage S>
constexpr int kRowChunks = kBytes<S> ? 8 : 4;  // of 16 bytes, of a step of a weight row

// Of a block with kWarpsIn warps side by side along the rows of activations.
template <int kWarpsIn>
constexpr int kThreads = (kWarpsOut * kWarpsIn) * simt::kWarp;  // at least kTileOut
template <int kWarpsIn>
constexpr int kTileIn = (kWarpIn * kWarpsIn);
template <int kWarpsIn>
constexpr int kResident = kWarpsIn == 1 ? 3 : 1;  // blocks of a processor

// A step, ready to be multiplied. Factors lie as lanes 4 g + t read them: of the weight rows of a
// warp those of rows g, g + 8, g + 16 .. side by side (see weight_place), of activations those of
// columns 2 t and 2 t + 1 of two fragments (see input_place).
template <Storage S, int kWarpsIn>
struct alignas(16) Stage {
  uint8_t w[kTileOut][kRowChunks<S> * 16 + kPad];
  int8_t x[kTileIn<kWarpsIn>][kRowBytes + kPad];
  float w_scales[kBlocks][kTileOut];
  float w_mins[kHasMin<S> ? kBlocks : 1][kTileOut];
  float x_scales[kBlocks][kTileIn<kWarpsIn>];
  float x_sums[kHasMin<S> ? kBlocks : 1][kTileIn<kWarpsIn>];  // of codes
};
__device__ __forceinline__ int weight_place(int row) {
  return row / kWarpOut * kWarpOut + row % 8 * (2 * kTall) + row % kWarpOut / 8;
}
__device__ __forceinline__ int input_place(int row) {
  return row / 16 * 16 + row % 8 / 2 * 4 + row % 16 / 8 * 2 + row % 2;
}

// A block's shared memory.
template <Storage S, int kWarpsIn>
struct Memory {
  Stage<S, kWarpsIn> stages[2];
  // Factors of the coming step as they are stored.
  uint4 w_stored[kTileOut];
  BlockScale x_stored[kTileIn<kWarpsIn>][kBlocks];
  const uint4* w_rows[kTileOut];
  const int8_t* x_rows[kTileIn<kWarpsIn>];
};

__device__ __forceinline__ int thread() {
  return static_cast<int>(threadIdx.x);
}

// Brings steps to shared memory. A thread makes the factors of weight row `thread()`, and of that
// row of activations where there is one.
template <Storage S, int kWarpsIn>
struct Loader {
  Memory<S, kWarpsIn>& memory;
  const void* scales;
  const BlockScale* blocks;
  int chunks, end;  // of a row: chunks of codes, blocks

  __device__ __forceinline__ Loader(Memory<S, kWarpsIn>& to, const Tile& tile, const RowsView& in)
      : memory(to), end(in.columns / 32) {
    const WeightRow row = tile.weight_row_at<S>(has_weights() ? thread() : 0);
    if (has_weights()) memory.w_rows[thread()] = row.codes;
    scales = row.scales;
    chunks = row.chunks;
    const int id = tile.id_of(has_input() ? thread() : 0) / tile.per_row;
    blocks = in.blocks + int64_t{id} * end;
    if (has_input()) memory.x_rows[thread()] = in.codes + int64_t{id} * in.columns;
  }

  // Steps from `block` on: the copies begin, and are there after finish_step and a barrier.
  __device__ __forceinline__ void begin_step(Stage<S, kWarpsIn>& stage, int block) {
    HEARTH_UNROLL
    for (int i = 0; i < kTileOut * kRowChunks<S> / kThreads<kWarpsIn>; ++i) {
      const int c = thread() + i * kThreads<kWarpsIn>;
      const int row = c / kRowChunks<S>, at = c % kRowChunks<S>;
      const int from = block * (kRowChunks<S> / kBlocks) + at;
      simt::copy_async(&stage.w[row][at * 16], memory.w_rows[row] + from, from < chunks);
    }
    HEARTH_UNROLL
    for (int i = 0; i < kTileIn<kWarpsIn> * 8 / kThreads<kWarpsIn>; ++i) {
      const int c = thread() + i * kThreads<kWarpsIn>;
      const int row = c / 8, at = c % 8;
      const int from = block * 2 + at;
      simt::copy_async(&stage.x[row][at * 16], memory.x_rows[row] + from * 16, from < 2 * end);
    }
    if constexpr (S == Storage::q4_k) {
      const auto* from = static_cast<const uint4*>(scales) + block / 8;
      if (has_weights()) simt::copy_async(&memory.w_stored[thread()], from, true);
    }
    if (end % kBlocks == 0) {
      begin_factors(block);
    } else {
      load_factors(block);
    }
  }
  // Waits for the thread's own copies and makes its factors.
  __device__ __forceinline__ void finish_step(Stage<S, kWarpsIn>& stage, int block) {
    simt::wait_copies();
    HEARTH_UNROLL
    for (int b = 0; b < kBlocks; ++b) {
      if (has_weights()) {
        const GroupFactors f = factors(block, b);
        // Codes of q4_0 are multiplied sixteen times as large: see load_weights.
        const float scale = S == Storage::q4_0 ? f.scale / 16 : f.scale;
        stage.w_scales[b][weight_place(thread())] = scale;
        if constexpr (kHasMin<S>) stage.w_mins[b][weight_place(thread())] = f.min;
      }
      if (!has_input()) continue;
      const BlockScale s = memory.x_stored[thread()][b];
      stage.x_scales[b][input_place(thread())] = s.scale;
      if constexpr (kHasMin<S>) {
        stage.x_sums[b][input_place(thread())] = static_cast<float>(s.low_sum + s.high_sum);
      }
    }
  }

 private:
  static __device__ __forceinline__ bool has_weights() { return thread() < kTileOut; }
  static __device__ __forceinline__ bool has_input() { return thread() < kTileIn<kWarpsIn>; }

  // Of rows of whole steps, whose factors begin at multiples of eight bytes.
  __device__ __forceinline__ void begin_factors(int block) {
    if constexpr (S != Storage::q4_k) {
      const auto* from = static_cast<const uint16_t*>(scales) + block;
      if (has_weights()) simt::copy_half_async(&memory.w_stored[thread()], from);
    }
    if (!has_input()) return;
    simt::copy_async(&memory.x_stored[thread()][0], blocks + block, true);
    simt::copy_async(&memory.x_stored[thread()][2], blocks + block + 2, true);
  }
  __device__ __forceinline__ void load_factors(int block) {
    for (int b = 0; b < kBlocks; ++b) {
      const bool is_there = block + b < end;
      if (S != Storage::q4_k && has_weights()) {
        auto* to = reinterpret_cast<uint16_t*>(&memory.w_stored[thread()]) + b;
        *to = is_there ? static_cast<const uint16_t*>(scales)[block + b] : uint16_t{0};
      }
      if (!has_input()) continue;
      memory.x_stored[thread()][b] = is_there ? blocks[block + b] : BlockScale{0, 0, 0};
    }
  }
  __device__ __forceinline__ GroupFactors factors(int block, int b) const {
    if constexpr (S == Storage::q4_k) {
      return q4_k_group(memory.w_stored[thread()], block % 8 + b);
    } else {
      return scaled_group<S>(reinterpret_cast<const uint16_t*>(&memory.w_stored[thread()])[b]);
    }
  }
};

using Sums = float[kTall][kWide][4];
using Fragments = uint32_t[kTall][4];
// Of rows g + 8 i of a warp.
using RowFactors = float[2 * kTall];

// The warp's 32 by 32 weights of a block.
template <Storage S, int kWarpsIn>
__device__ __forceinline__ void load_weights(const Stage<S, kWarpsIn>& stage, int row, int block,
                                             Fragments& a) {
  const int lane = simt::lane_index();
  if constexpr (kBytes<S>) {
    HEARTH_UNROLL
    for (int i = 0; i < kTall; ++i) {
      simt::load_matrices(a[i], &stage.w[row + 16 * i + lane % 16][block * 32 + lane / 16 * 16]);
    }
  } else {
    uint32_t words[4];  // rows g of both fragments, and rows g + 8
    simt::load_matrices(words, &stage.w[row + lane][block * 16]);
    HEARTH_UNROLL
    for (int j = 0; j < 4; ++j) {
      uint32_t low, high;
      if constexpr (S == Storage::q4_0) {  // 16 (code - 8)
        low = (words[j] << 4 & 0xf0f0f0f0u) ^ 0x80808080u;
        high = (words[j] & 0xf0f0f0f0u) ^ 0x80808080u;
      } else {
        low = words[j] & 0x0f0f0f0fu;
        high = words[j] >> 4 & 0x0f0f0f0fu;
      }
      a[j / 2][j % 2] = low;
      a[j / 2][j % 2 + 2] = high;
    }
  }
}
__device__ __forceinline__ void load_factors(const float* at, RowFactors& f) {
  static_assert(kTall == 2);
  const float4 v = *reinterpret_cast<const float4*>(at);
  f[0] = v.x;
  f[1] = v.y;
  f[2] = v.z;
  f[3] = v.w;
}

// The weights' side of a block's products.
template <Storage S>
struct Weights {
  Fragments a;
  RowFactors scale, min;
};
// Of eight rows of activations, their second factor and what lies in columns 2 t and 2 t + 1.
struct Inputs {
  uint32_t b[2];
  float scale[2], sum[2];
};
using Products = int[kTall][4];

template <Storage S, int kWarpsIn>
__device__ __forceinline__ void load_inputs(const Stage<S, kWarpsIn>& stage, int row, int block,
                                            Inputs (&to)[2]) {
  const int lane = simt::lane_index();
  uint32_t b[4];
  simt::load_matrices(b, &stage.x[row + lane % 8 + lane / 16 * 8][block * 32 + lane / 8 % 2 * 16]);
  const int at = row + lane % 4 * 4;
  const float4 scales = *reinterpret_cast<const float4*>(&stage.x_scales[block][at]);
  float4 sums = {0, 0, 0, 0};
  if constexpr (kHasMin<S>) sums = *reinterpret_cast<const float4*>(&stage.x_sums[block][at]);
  to[0] = {{b[0], b[1]}, {scales.x, scales.y}, {sums.x, sums.y}};
  to[1] = {{b[2], b[3]}, {scales.z, scales.w}, {sums.z, sums.w}};
}

// sums[i][n] += the products with fragment n.
template <Storage S>
__device__ __forceinline__ void add_products(const Products& products, const Weights<S>& w,
                                             const Inputs& x, int n, Sums& sums) {
  HEARTH_UNROLL
  for (int i = 0; i < kTall; ++i) {
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) {
      const int row = 2 * i + e / 2;
      float value = simt::scaled_sum(w.scale[row], products[i][e]);
      if constexpr (kHasMin<S>) value = fmaf(w.min[row], x.sum[e % 2], value);
      sums[i][n][e] = fmaf(x.scale[e % 2], value, sums[i][n][e]);
    }
  }
}

// While the products with one fragment of activations are added, those with the next are made.
template <Storage S, int kWarpsIn>
__device__ __forceinline__ void multiply_block(const Stage<S, kWarpsIn>& stage, int block,
                                               Sums& sums) {
  const int out = simt::warp_index() % kWarpsOut * kWarpOut;
  const int in = simt::warp_index() / kWarpsOut * kWarpIn;
  const int place = out + simt::lane_index() / 4 * (2 * kTall);
  Weights<S> w;
  load_weights(stage, out, block, w.a);
  load_factors(&stage.w_scales[block][place], w.scale);
  if constexpr (kHasMin<S>) load_factors(&stage.w_mins[block][place], w.min);
  Inputs x[2][2];
  Products products[2];
  HEARTH_UNROLL
  for (int n = 0; n <= kWide; ++n) {
    if (n < kWide) {
      if (n % 2 == 0) load_inputs(stage, in + 8 * n, block, x[n / 2 % 2]);
      const Inputs& own = x[n / 2 % 2][n % 2];
      HEARTH_UNROLL
      for (int i = 0; i < kTall; ++i) {
        simt::mma_s8(products[n % 2][i], w.a[i], own.b[0], own.b[1], simt::kFloatBias);
      }
    }
    if (n > 0) {
      const int last = n - 1;
      add_products<S>(products[last % 2], w, x[last / 2 % 2][last % 2], last, sums);
    }
  }
}

// The products of the tile, in the registers of the block.
template <Storage S, int kWarpsIn>
__device__ __forceinline__ void multiply(const Tile& tile, const RowsView& x, Sums& sums) {
  auto& memory = *reinterpret_cast<Memory<S, kWarpsIn>*>(simt::shared_memory());
  Loader<S, kWarpsIn> loader(memory, tile, x);
  simt::block_barrier();
  loader.begin_step(memory.stages[0], 0);
  loader.finish_step(memory.stages[0], 0);
  simt::block_barrier();
  int stage = 0;
  for (int block = 0; block < loader.end; block += kBlocks) {
    const int next = block + kBlocks;
    if (next < loader.end) loader.begin_step(memory.stages[1 - stage], next);
    HEARTH_UNROLL
    for (int b = 0; b < kBlocks; ++b) multiply_block<S, kWarpsIn>(memory.stages[stage], b, sums);
    if (next < loader.end) loader.finish_step(memory.stages[1 - stage], next);
    simt::block_barrier();
    stage = 1 - stage;
  }
}

// Of paired matrices a fragment's first eight rows are one's, the last eight the other's.
__device__ __forceinline__ void finish(const Tile& tile, const Output& to, const Sums& sums) {
  const int lane = simt::lane_index();
  const int in = simt::warp_index() / kWarpsOut * kWarpIn + lane % 4 * 2;
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

constexpr int kDense = 1, kExpert = kTileRows / kWarpIn;  // warps side by side

template <Storage S>
__global__ void __launch_bounds__(kThreads<kDense>, kResident<kDense>)
    byte_tiles_kernel(const __grid_constant__ MatvecJob job) {
  simt::wait_for_inputs();
  const Tile tile = dense_tile(job, kTileIn<kDense>);
  Sums sums = {};
  multiply<S, kDense>(tile, job.x, sums);
  finish(tile, dense_output(job), sums);
}

template <Storage S>
__global__ void __launch_bounds__(kThreads<kExpert>, kResident<kExpert>)
    byte_expert_tiles_kernel(const ExpertJob job, const int32_t* sorted, const ExpertTile* tiles) {
  simt::wait_for_inputs();
  if (!has_work(job, tiles[blockIdx.x])) return;
  const Tile tile = expert_tile(job, sorted, tiles[blockIdx.x]);
  Sums sums = {};
  multiply<S, kExpert>(tile, job.x, sums);
  finish(tile, expert_output(job), sums);
}

}  // namespace

void byte_tiles(Stream& stream, const MatvecJob& job) {
  if (job.rows == 0) return;
  Grid grid;
  grid.threads = kThreads<kDense>;
  grid.x = tile_count(job.rows, kTileIn<kDense>);
  grid.y = dense_tiles(job);
  with_byte_blocks(job.parts[0].w.storage, [&]<Storage S>() {
    grid.shared_bytes = sizeof(Memory<S, kDense>);
    launch(stream, grid, byte_tiles_kernel<S>, job);
  });
}

void byte_expert_tiles(Stream& stream, const ExpertJob& job, const int32_t* sorted,
                       const ExpertTile* tiles, int32_t tile_count_max) {
  if (job.pairs == 0) return;
  Grid grid;
  grid.threads = kThreads<kExpert>;
  grid.x = static_cast<unsigned>(tile_count_max);
  grid.y = expert_tiles_along(job);
  with_byte_blocks(job.storage, [&]<Storage S>() {
    grid.shared_bytes = sizeof(Memory<S, kExpert>);
    launch(stream, grid, byte_expert_tiles_kernel<S>, job, sorted, tiles);
  });
}

}  // namespace hearth::cuda
