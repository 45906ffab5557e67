// See latents.h: the products with k_b and v_b. Each row's sums run in an order that depends on the
// shape alone, so that rows may share a read of the weights freely.
#include <algorithm>

#include "hearth/backend/cuda/attention/cache_elements.h"
#include "hearth/backend/cuda/attention/latents.h"
#include "hearth/backend/cuda/attention/split_tf32.h"

namespace hearth::cuda {
namespace {

constexpr int kRows = 8;  // that share a read of the weights
constexpr int kAbsorbThreads = 128;
constexpr int kValueThreads = 256;
constexpr int kValueDims = 32;  // of a block
constexpr int kTile = 64;
constexpr int kDepth = 32;
constexpr int kStride = kDepth + 4;  // puts a fragment's numbers on different banks
constexpr int kExpandThreads = 256;

template <bool kBf16>
__device__ __forceinline__ float map_value(const std::byte* map, int64_t i) {
  return one_float < kBf16 ? CacheFormat::bf16 : CacheFormat::f32 > (map, i);
}

template <bool kBf16>
__global__ void __launch_bounds__(kAbsorbThreads, 4)
    absorb_kernel(LatentShape shape, const std::byte* k_b, const int32_t* generated_rows,
                  int32_t count, const float* q, float* out) {
  simt::wait_for_inputs();
  auto* staged = reinterpret_cast<float*>(simt::shared_memory());  // [kRows][nope]
  const int head = static_cast<int>(blockIdx.y);
  const int first = static_cast<int>(blockIdx.z) * kRows;
  const int rows = count - first < kRows ? count - first : kRows;
  const int qk = shape.nope + shape.rope;
  const int width = shape.rank + shape.rope;
  for (int e = static_cast<int>(threadIdx.x); e < kRows * qk; e += kAbsorbThreads) {
    const int j = e / qk;
    const int d = e % qk;
    float x = 0;
    if (j < rows) x = q[(int64_t{generated_rows[first + j]} * shape.heads + head) * qk + d];
    if (d < shape.nope) {
      staged[j * shape.nope + d] = x;
    } else if (blockIdx.x == 0 && j < rows) {
      out[(int64_t{first + j} * shape.heads + head) * width + shape.rank + d - shape.nope] = x;
    }
  }
  simt::block_barrier();
  const int r = static_cast<int>(blockIdx.x) * kAbsorbThreads + static_cast<int>(threadIdx.x);
  if (r >= shape.rank) return;
  float sums[kRows] = {};
  const int64_t column = int64_t{head} * shape.nope * shape.rank + r;
  HEARTH_UNROLL_8
  for (int d = 0; d < shape.nope; ++d) {
    const float w = map_value<kBf16>(k_b, column + int64_t{d} * shape.rank);
    HEARTH_UNROLL
    for (int j = 0; j < kRows; ++j) sums[j] = fmaf(staged[j * shape.nope + d], w, sums[j]);
  }
  HEARTH_UNROLL
  for (int j = 0; j < kRows; ++j) {
    if (j < rows) out[(int64_t{first + j} * shape.heads + head) * width + r] = sums[j];
  }
}

// A warp takes every eighth dimension of the block's; its lanes share the rank.
template <bool kBf16>
__global__ void __launch_bounds__(kValueThreads)
    expand_mixed_kernel(LatentShape shape, const std::byte* v_b, const int32_t* generated_rows,
                        int32_t count, const float* mixed, float* out) {
  simt::wait_for_inputs();
  auto* staged = reinterpret_cast<float*>(simt::shared_memory());  // [kRows][rank]
  const int head = static_cast<int>(blockIdx.y);
  const int first = static_cast<int>(blockIdx.z) * kRows;
  const int rows = count - first < kRows ? count - first : kRows;
  for (int e = static_cast<int>(threadIdx.x); e < kRows * shape.rank; e += kValueThreads) {
    const int j = e / shape.rank;
    staged[e] = 0;
    if (j < rows) {
      staged[e] = mixed[(int64_t{first + j} * shape.heads + head) * shape.rank + e % shape.rank];
    }
  }
  simt::block_barrier();
  for (int i = simt::warp_index(); i < kValueDims; i += kValueThreads / simt::kWarp) {
    const int d = static_cast<int>(blockIdx.x) * kValueDims + i;
    if (d >= shape.value_dims) return;
    float sums[kRows] = {};
    const int64_t row = (int64_t{head} * shape.value_dims + d) * shape.rank;
    HEARTH_UNROLL_4
    for (int r = simt::lane_index(); r < shape.rank; r += simt::kWarp) {
      const float w = map_value<kBf16>(v_b, row + r);
      HEARTH_UNROLL
      for (int j = 0; j < kRows; ++j) sums[j] = fmaf(staged[j * shape.rank + r], w, sums[j]);
    }
    HEARTH_UNROLL
    for (int j = 0; j < kRows; ++j) {
      const float total = simt::warp_sum(sums[j]);
      if (j < rows && simt::lane_index() == 0) {
        out[(int64_t{generated_rows[first + j]} * shape.heads + head) * shape.value_dims + d] =
            total;
      }
    }
  }
}

struct alignas(16) ExpandTiles {
  float map[kTile][kStride];     // [dimension][rank]
  float latent[kTile][kStride];  // [slot][rank]
};

template <CacheFormat F, bool kBf16>
__device__ void stage_tiles(const std::byte* map, const std::byte* latents, int values, int rank,
                            int depth, int dims, int valid, ExpandTiles& tiles) {
  HEARTH_UNROLL_8
  for (int e = static_cast<int>(threadIdx.x); e < kTile * kDepth; e += kExpandThreads) {
    const int i = e / kDepth;
    const int r = e % kDepth;
    float x = 0;
    if (i < dims && depth + r < rank) x = map_value<kBf16>(map, int64_t{i} * rank + depth + r);
    tiles.map[i][r] = x;
  }
  HEARTH_UNROLL_4
  for (int e = static_cast<int>(threadIdx.x); e < kTile * kDepth / 2; e += kExpandThreads) {
    const int i = e / (kDepth / 2);
    const int r = e % (kDepth / 2) * 2;
    float2 x = {0, 0};
    if (i < valid) x = row_pair<F>(latents, values, i, depth + r);
    tiles.latent[i][r] = x.x;
    tiles.latent[i][r + 1] = x.y;
  }
}

// A tile of 64 dimensions and 64 slots: a warp takes 16 dimensions and 32 slots. What lies behind
// the rank in a latent meets zeros.
template <CacheFormat F, bool kBf16>
__device__ void expand_tile(const std::byte* map, const std::byte* latents, int values, int rank,
                            int dims, int valid, ExpandTiles& tiles, float (&acc)[4][4]) {
  const int g = simt::lane_index() / 4;
  const int t = simt::lane_index() % 4;
  const float* a = &tiles.map[simt::warp_index() / 2 * 16 + g][t];
  const float* b = &tiles.latent[simt::warp_index() % 2 * 32 + g][t];
  for (int depth = 0; depth < rank; depth += kDepth) {
    simt::block_barrier();
    stage_tiles<F, kBf16>(map, latents, values, rank, depth, dims, valid, tiles);
    simt::block_barrier();
    HEARTH_UNROLL
    for (int r = 0; r < kDepth; r += 8) {
      const SplitLeft<kBf16> left(a[r], a[r + 8 * kStride], a[r + 4], a[r + 8 * kStride + 4]);
      HEARTH_UNROLL
      for (int n = 0; n < 4; ++n) {
        const float* right = b + n * 8 * kStride + r;
        multiply_split<kWhole<F>>(acc[n], left, right[0], right[4]);
      }
    }
  }
}

// The rotated part of the keys, which all heads share: dimensions nope .. nope + rope.
template <CacheFormat F>
__device__ void copy_rotated(const std::byte* latents, const LatentShape& shape, int values,
                             int valid, float* out) {
  for (int e = static_cast<int>(threadIdx.x); e < shape.rope * kSlots; e += kExpandThreads) {
    const int d = e / kSlots;
    const int slot = e % kSlots;
    const int from = shape.rank + d;
    float2 x = {0, 0};
    if (slot < valid) x = row_pair<F>(latents, values, slot, from - from % 2);
    out[(shape.nope + d) * kSlots + slot] = from % 2 == 0 ? x.x : x.y;
  }
}

// Grid: tiles of dimensions (keys, then values), cache blocks, heads.
template <CacheFormat F, bool kBf16>
__global__ void __launch_bounds__(kExpandThreads, 2)
    expand_history_kernel(CacheView cache, LatentShape shape, ExpandHistory a, int32_t key_tiles) {
  simt::wait_for_inputs();
  __shared__ ExpandTiles tiles;
  const int qk = shape.nope + shape.rope;
  const bool keys = static_cast<int>(blockIdx.x) < key_tiles;
  const int tile = (static_cast<int>(blockIdx.x) - (keys ? 0 : key_tiles)) * kTile;
  const int64_t head = a.first_head + static_cast<int>(blockIdx.z);
  const int left = a.end - static_cast<int>(blockIdx.y) * kSlots;
  const int valid = left < kSlots ? left : kSlots;
  const std::byte* latents = cache.data + a.block_table[blockIdx.y] * cache.block_bytes;
  const int dims = keys ? shape.nope : shape.value_dims;
  const std::byte* map =
      (keys ? a.k_b.data : a.v_b.data) + (head * dims + tile) * shape.rank * (kBf16 ? 2 : 4);
  float* out = a.out + blockIdx.y * a.block_floats + int64_t{blockIdx.z} * qk * kSlots;
  if (!keys) {
    out = a.out + blockIdx.y * a.block_floats +
          (int64_t{a.heads} * qk + int64_t{blockIdx.z} * dims) * kSlots;
  }
  if (keys && tile == 0) copy_rotated<F>(latents, shape, cache.values, valid, out);
  float acc[4][4] = {};
  expand_tile<F, kBf16>(map, latents, cache.values, shape.rank, dims - tile, valid, tiles, acc);
  HEARTH_UNROLL
  for (int n = 0; n < 4; ++n) {
    HEARTH_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int d = tile + simt::warp_index() / 2 * 16 + simt::lane_index() / 4 + i / 2 * 8;
      const int slot = simt::warp_index() % 2 * 32 + n * 8 + 2 * (simt::lane_index() % 4) + i % 2;
      if (d >= dims) continue;
      out[keys ? d * kSlots + slot : slot * dims + d] = acc[n][i];
    }
  }
}

unsigned pieces(int64_t whole, int64_t piece) {
  return static_cast<unsigned>((whole + piece - 1) / piece);
}

}  // namespace

void absorb_queries(Stream& stream, const StepRows& rows, const LatentShape& shape,
                    const LatentMap& k_b, const float* q, float* out) {
  if (rows.generated_count == 0) return;
  const Grid grid = {pieces(shape.rank, kAbsorbThreads), static_cast<unsigned>(shape.heads),
                     pieces(rows.generated_count, kRows), kAbsorbThreads,
                     sizeof(float) * kRows * size_t(shape.nope)};
  const auto kernel = k_b.bf16 ? absorb_kernel<true> : absorb_kernel<false>;
  launch(stream, grid, kernel, shape, k_b.data, rows.generated_rows, rows.generated_count, q, out);
}

void expand_mixed(Stream& stream, const StepRows& rows, const LatentShape& shape,
                  const LatentMap& v_b, const float* mixed, float* out) {
  if (rows.generated_count == 0) return;
  const Grid grid = {pieces(shape.value_dims, kValueDims), static_cast<unsigned>(shape.heads),
                     pieces(rows.generated_count, kRows), kValueThreads,
                     sizeof(float) * kRows * size_t(shape.rank)};
  const auto kernel = v_b.bf16 ? expand_mixed_kernel<true> : expand_mixed_kernel<false>;
  launch(stream, grid, kernel, shape, v_b.data, rows.generated_rows, rows.generated_count, mixed,
         out);
}

void expand_history(Stream& stream, const CacheView& cache, const LatentShape& shape,
                    const ExpandHistory& args) {
  const unsigned key_tiles = std::max(1u, pieces(shape.nope, kTile));
  const Grid grid = {key_tiles + pieces(shape.value_dims, kTile), pieces(args.end, kSlots),
                     static_cast<unsigned>(args.heads), kExpandThreads};
  with_cache_format(cache.format, [&]<CacheFormat F>() {
    const auto kernel =
        args.k_b.bf16 ? expand_history_kernel<F, true> : expand_history_kernel<F, false>;
    launch(stream, grid, kernel, cache, shape, args, static_cast<int32_t>(key_tiles));
  });
}

}  // namespace hearth::cuda
