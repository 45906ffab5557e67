// See matvec.h: the kernel for more rows than one. Tensor cores multiply bytes by bytes, exactly;
// a block has 32 rows of weights, and each of its eight warps what one lane has in matvec.cu: every
// eighth block of 32 columns, the sums in the same order. So a row has the same bits from both.
#include "hearth/backend/cuda/linear/tensor_matvec.h"

#include "hearth/backend/cuda/linear/chunk_dot.h"
#include "hearth/backend/cuda/linear/finish.h"
#include "hearth/backend/cuda/linear/storages.h"
#include "hearth/backend/cuda/simt/mma.h"

namespace hearth::cuda {
namespace {

using simt::kWarp;

constexpr int kThreads = kRowLanes * kWarp;
constexpr int kTall = 2;  // fragments of 16 weight rows
constexpr int kOut = 16 * kTall;
// Steps on their way, of weights and of activations, and blocks of a processor: what the registers
// hold.
template <Storage S, int kWide>
constexpr int kFlight = S == Storage::q8_0 ? (kWide == 8 ? 2 : 3)
                        : kWide == 8       ? 1
                        : kWide == 2       ? 2
                                           : 3;
template <int kWide>
constexpr int kBlocks = kWide < 4 ? 2 : 1;

// A lane's share of 32 weights of each of its rows: as tensor cores want them, with the row that
// the lane knows the factors of.
struct Weights {
  uint32_t words[kTall][2][2];  // fragment, row of it, half
  GroupFactors factors;
};

// Rows of weights of a block, as lanes g * 4 + t have them: g and g + 8 of each fragment; factors
// of row g + 8 t.
template <Storage S>
struct Rows {
  const uint8_t* codes[kTall][2];
  WeightRow factors;
  int blocks;
};

// The block of 32 columns in step `step` that lane `lane` of matvec.cu's rows finishes.
template <Storage S>
__device__ __forceinline__ int block_of(int step, int lane) {
  if constexpr (S == Storage::q8_0) return Reader<S>::block_of(step, lane);
  return step * kRowLanes + lane;
}

template <Storage S>
__device__ __forceinline__ void load(const Rows<S>& rows, int block, Weights& to) {
  constexpr bool kBytes = S == Storage::q8_0;
  const int t = simt::lane_index() % 4;
  if (block >= rows.blocks) return;
  HEARTH_UNROLL
  for (int i = 0; i < kTall; ++i) {
    HEARTH_UNROLL
    for (int half = 0; half < 2; ++half) {
      uint32_t(&words)[2] = to.words[i][half];
      if constexpr (kBytes) {  // columns 8 t and on, as x has them
        const auto both = reinterpret_cast<const uint2*>(rows.codes[i][half])[block * 4 + t];
        words[0] = both.x;
        words[1] = both.y;
      } else {
        words[0] = reinterpret_cast<const uint32_t*>(rows.codes[i][half])[block * 4 + t];
      }
    }
  }
  to.factors = block_factors<S>(rows.factors, block);
}

// Where a lane reads its share of kWide * 8 rows of x: codes of row g of each fragment, blocks of
// rows 2 t and 2 t + 1.
template <int kWide>
struct Inputs {
  const int8_t* codes;
  const BlockScale* blocks;
  int code_at[kWide];
  int block_at[kWide][2];
};

// What it reads there for a block of columns.
template <int kWide>
struct InputStep {
  uint32_t words[kWide][2];
  BlockScale scales[kWide][2];
};
template <Storage S, int kWide>
__device__ __forceinline__ void load(const Inputs<kWide>& x, int block, InputStep<kWide>& to) {
  const int t = simt::lane_index() % 4;
  HEARTH_UNROLL
  for (int n = 0; n < kWide; ++n) {
    const auto* codes = reinterpret_cast<const uint32_t*>(x.codes + x.code_at[n]) + block * 8;
    if constexpr (S == Storage::q8_0) {
      const uint2 both = reinterpret_cast<const uint2*>(codes)[t];
      to.words[n][0] = both.x;
      to.words[n][1] = both.y;
    } else {
      to.words[n][0] = codes[t];
      to.words[n][1] = codes[t + 4];
    }
    to.scales[n][0] = x.blocks[x.block_at[n][0] + block];
    to.scales[n][1] = x.blocks[x.block_at[n][1] + block];
  }
}

template <int kWide>
using Sums = float[kWide][kTall][4];

// Adds the products of a block of columns.
template <Storage S, int kWide>
__device__ __forceinline__ void multiply(const Weights& w, const InputStep<kWide>& x,
                                         Sums<kWide>& sums) {
  constexpr bool kBytes = S == Storage::q8_0;
  const int lane = simt::lane_index();
  const int t = lane % 4;
  uint32_t a[kTall][4];
  GroupFactors f[kTall][2];
  HEARTH_UNROLL
  for (int i = 0; i < kTall; ++i) {
    HEARTH_UNROLL
    for (int half = 0; half < 2; ++half) {
      const uint32_t(&words)[2] = w.words[i][half];
      a[i][half] = kBytes ? words[0] : words[0] & 0x0f0f0f0fu;
      a[i][half + 2] = kBytes ? words[1] : words[0] >> 4 & 0x0f0f0f0fu;
      const int holder = lane - t + 2 * i + half;
      f[i][half].scale = simt::shuffle(w.factors.scale, holder);
      f[i][half].min = kBytes ? 0 : simt::shuffle(w.factors.min, holder);
    }
  }
  HEARTH_UNROLL
  for (int n = 0; n < kWide; ++n) {
    HEARTH_UNROLL
    for (int i = 0; i < kTall; ++i) {
      int products[4];
      simt::mma_s8(products, a[i], x.words[n][0], x.words[n][1], simt::kFloatBias);
      HEARTH_UNROLL
      for (int e = 0; e < 4; ++e) {
        const GroupFactors& of = f[i][e / 2];
        const BlockScale& scale = x.scales[n][e % 2];
        float value = simt::scaled_sum(of.scale, products[e]);
        if (!kBytes) {
          value = fmaf(of.min, static_cast<float>(scale.low_sum + scale.high_sum), value);
        }
        sums[n][i][e] = fmaf(scale.scale, value, sums[n][i][e]);
      }
    }
  }
}

// Adds the sums of a part to those of the parts before it, which wait in shared memory: there at
// last, in `sums` after the last part.
template <int kWide>
__device__ __forceinline__ void join_part(bool is_first, bool is_last, Sums<kWide>& sums) {
  if (is_first && is_last) return;
  auto* at = reinterpret_cast<float*>(simt::shared_memory()) + threadIdx.x;
  HEARTH_UNROLL
  for (int n = 0; n < kWide; ++n) {
    HEARTH_UNROLL
    for (int i = 0; i < kTall; ++i) {
      HEARTH_UNROLL
      for (int e = 0; e < 4; ++e) {
        float* waiting = at + ((n * kTall + i) * 4 + e) * kThreads;
        const float total = is_first ? sums[n][i][e] : *waiting + sums[n][i][e];
        *waiting = total;
        sums[n][i][e] = is_last ? total : 0;
      }
    }
  }
}
template <int kWide>
constexpr size_t kWaitingBytes = sizeof(Sums<kWide>) * kThreads;

// The warp's sums along the rows, part by part; the first steps' weights are on their way.
template <Storage S, int kWide>
__device__ __forceinline__ void walk(const Rows<S>& rows, const Inputs<kWide>& x, int split,
                                     Weights (&flight)[kFlight<S, kWide>], Sums<kWide>& sums) {
  const int lane = simt::warp_index();  // of matvec.cu
  const int steps = (rows.blocks + kRowLanes - 1) / kRowLanes;
  const int each = (steps + split - 1) / split;
  InputStep<kWide> inputs[kFlight<S, kWide>];
  HEARTH_UNROLL
  for (int j = 0; j < kFlight<S, kWide>; ++j) {
    const int block = j < each ? block_of<S>(j, lane) : rows.blocks;
    if (block < rows.blocks) load<S>(x, block, inputs[j]);
  }
  for (int begin = 0; begin < steps; begin += each) {
    const int end = begin + each < steps ? begin + each : steps;
    for (int step = begin; step < end; step += kFlight<S, kWide>) {
      HEARTH_UNROLL
      for (int j = 0; j < kFlight<S, kWide>; ++j) {
        const int block = block_of<S>(step + j, lane);
        const bool on = step + j < end;
        if (on && block < rows.blocks) multiply<S>(flight[j], inputs[j], sums);
        // What comes next: of this part, or the first of the next one.
        const int next = (step + kFlight<S, kWide> < end ? step + kFlight<S, kWide> : end) + j;
        const int coming = next < steps ? block_of<S>(next, lane) : rows.blocks;
        load(rows, coming, flight[j]);
        if (coming < rows.blocks) load<S>(x, coming, inputs[j]);
      }
    }
    join_part<kWide>(begin == 0, end == steps, sums);
  }
}

// Rows [row, row + kOut) of one matrix, or half as many of two.
struct Tile {
  int part, row;
};
__device__ __forceinline__ Tile tile_of(const MatvecJob& job) {
  int block = static_cast<int>(blockIdx.x);
  if (job.finish == Finish::swiglu) return {0, block * (kOut / 2)};
  int part = 0;
  while (block >= (job.parts[part].w.rows + kOut - 1) / kOut) {
    block -= (job.parts[part].w.rows + kOut - 1) / kOut;
    ++part;
  }
  return {part, block * kOut};
}
// Row i of the tile: its matrix and number.
__device__ __forceinline__ Tile row_of(const MatvecJob& job, const Tile& tile, int i) {
  if (job.finish != Finish::swiglu) return {tile.part, tile.row + i};
  return {i / (kOut / 2), tile.row + i % (kOut / 2)};
}

template <Storage S>
__device__ __forceinline__ Rows<S> rows_of(const MatvecJob& job, const Tile& tile) {
  const int g = simt::lane_index() / 4;
  const auto row_at = [&](int i) {
    const Tile at = row_of(job, tile, i);
    const MatrixView& w = job.parts[at.part].w;
    return weight_row<S>(w, at.row < w.rows ? at.row : w.rows - 1);
  };
  Rows<S> rows{};
  HEARTH_UNROLL
  for (int i = 0; i < kTall; ++i) {
    HEARTH_UNROLL
    for (int half = 0; half < 2; ++half) {
      rows.codes[i][half] = reinterpret_cast<const uint8_t*>(row_at(16 * i + 8 * half + g).codes);
    }
  }
  rows.factors = row_at(8 * (simt::lane_index() % 4) + g);
  rows.blocks = rows.factors.blocks;
  return rows;
}

// All the tile's weights to the second cache, a row a lane.
template <Storage S>
__device__ __forceinline__ void prefetch_tile(const MatvecJob& job, const Tile& tile) {
  if (simt::warp_index() != 0) return;
  const Tile at = row_of(job, tile, simt::lane_index());
  const MatrixView& w = job.parts[at.part].w;
  if (at.row >= w.rows) return;
  const WeightRow row = weight_row<S>(w, at.row);
  prefetch_chunks<S>(row, 0, row.chunks);
}

// Adds the warps' sums of eight rows of x as matvec.cu adds its lanes', and stores them.
__device__ __forceinline__ void finish(const MatvecJob& job, const Tile& tile,
                                       const float (&sums)[kTall][4], int first) {
  __shared__ float shares[kRowLanes][8][kOut + 1];
  const int lane = simt::lane_index();
  HEARTH_UNROLL
  for (int i = 0; i < kTall; ++i) {
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) {
      shares[simt::warp_index()][2 * (lane % 4) + e % 2][16 * i + 8 * (e / 2) + lane / 4] =
          sums[i][e];
    }
  }
  simt::block_barrier();
  const int n = simt::warp_index();
  const auto total = [&](int i) {
    float v[kRowLanes];
    HEARTH_UNROLL
    for (int w = 0; w < kRowLanes; ++w) v[w] = shares[w][n][i];
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
  };
  const Tile at = row_of(job, tile, lane);
  const MatvecPart& p = job.parts[at.part];
  if (at.row < p.w.rows && first + n < job.rows) {
    const int id = job.row_ids == nullptr ? first + n : job.row_ids[first + n];
    float* out = job.parts[tile.part].out + int64_t{id} * p.w.rows + at.row;
    const float value = biased(total(lane), p.bias, at.row);
    if (job.finish != Finish::swiglu) {
      *out = job.finish == Finish::add ? *out + value : value;
    } else if (at.part == 0) {
      *out = silu(value) * biased(total(lane + kOut / 2), job.parts[1].bias, at.row);
    }
  }
  simt::block_barrier();
}

template <Storage S, int kWide>
__global__ void __launch_bounds__(kThreads, kBlocks<kWide>)
    tensor_matvec_kernel(const __grid_constant__ MatvecJob job, int split) {
  const Tile tile = tile_of(job);
  const Rows<S> rows = rows_of<S>(job, tile);
  Weights flight[kFlight<S, kWide>] = {};
  const int steps = (rows.blocks + kRowLanes - 1) / kRowLanes;
  HEARTH_UNROLL
  for (int j = 0; j < kFlight<S, kWide>; ++j) {
    load(rows, j < steps ? block_of<S>(j, simt::warp_index()) : rows.blocks, flight[j]);
  }
  prefetch_tile<S>(job, tile);
  simt::wait_for_inputs();
  const int first = static_cast<int>(blockIdx.y) * kWide * 8;
  const auto id_of = [&](int i) {  // rows beyond the last: computed and not stored
    const int at = first + i < job.rows ? first + i : job.rows - 1;
    return job.row_ids == nullptr ? at : job.row_ids[at];
  };
  Inputs<kWide> x;
  x.codes = job.x.codes;
  x.blocks = job.x.blocks;
  HEARTH_UNROLL
  for (int n = 0; n < kWide; ++n) {
    x.code_at[n] = id_of(8 * n + simt::lane_index() / 4) * job.x.columns;
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) {
      x.block_at[n][i] = id_of(8 * n + 2 * (simt::lane_index() % 4) + i) * rows.blocks;
    }
  }
  Sums<kWide> sums = {};
  walk(rows, x, split, flight, sums);
  HEARTH_UNROLL
  for (int n = 0; n < kWide; ++n) {
    if (first + 8 * n < job.rows) finish(job, tile, sums[n], first + 8 * n);
  }
}

}  // namespace

void tensor_matvec(Stream& stream, const MatvecJob& job, int split) {
  Grid grid;
  grid.threads = kThreads;
  grid.x = 0;
  if (job.finish == Finish::swiglu) {
    grid.x = static_cast<unsigned>((job.parts[0].w.rows + kOut / 2 - 1) / (kOut / 2));
  } else {
    for (int i = 0; i < job.count; ++i) {
      grid.x += static_cast<unsigned>((job.parts[i].w.rows + kOut - 1) / kOut);
    }
  }
  const auto launch_as = [&]<Storage S, int kWide>() {
    grid.y = static_cast<unsigned>((job.rows + 8 * kWide - 1) / (8 * kWide));
    grid.shared_bytes = split == 1 ? 0 : kWaitingBytes<kWide>;
    launch(stream, grid, tensor_matvec_kernel<S, kWide>, job, split);
  };
  const auto launch_for = [&]<Storage S>() {
    if (job.rows <= 8) return launch_as.template operator()<S, 1>();
    if (job.rows <= 16) return launch_as.template operator()<S, 2>();
    if (job.rows <= 32) return launch_as.template operator()<S, 4>();
    launch_as.template operator()<S, 8>();
  };
  with_byte_blocks(job.parts[0].w.storage, launch_for);
}

}  // namespace hearth::cuda
