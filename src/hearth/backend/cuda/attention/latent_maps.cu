// See latents.h: the products with k_b and v_b. Each row's sums run in an order that depends on the
// shape alone, so that rows may share a read of the weights freely.
#include "hearth/backend/cuda/attention/cache_elements.h"
#include "hearth/backend/cuda/attention/latents.h"

namespace hearth::cuda {
namespace {

constexpr int kRows = 8;  // that share a read of the weights
constexpr int kAbsorbThreads = 128;
constexpr int kValueThreads = 256;
constexpr int kValueDims = 32;  // of a block
constexpr int kTile = 64;
constexpr int kDepth = 16;
constexpr int kExpandThreads = 256;

template <bool kBf16>
__device__ __forceinline__ float map_value(const std::byte* map, int64_t i) {
  return one_float < kBf16 ? CacheFormat::bf16 : CacheFormat::f32 > (map, i);
}

template <bool kBf16>
__global__ void __launch_bounds__(kAbsorbThreads, 4)
    absorb_kernel(LatentShape shape, const std::byte* k_b, const int32_t* generated_rows,
                  int32_t count, const float* q, float* out) {
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
    for (int j = 0; j < kRows; ++j) sums[j] += staged[j * shape.nope + d] * w;
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
      for (int j = 0; j < kRows; ++j) sums[j] += staged[j * shape.rank + r] * w;
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
  float map[kDepth][kTile + 4];     // [rank][dimension]
  float latent[kDepth][kTile + 4];  // [rank][slot]
};

// A 64 x 64 tile of dimensions and slots; a thread takes 4 x 4 of it.
template <CacheFormat F, bool kBf16>
__device__ void expand_tile(const std::byte* map, const std::byte* latents, int values, int rank,
                            int dims_left, int valid, ExpandTiles& tiles, float (&acc)[4][4]) {
  const int thread = static_cast<int>(threadIdx.x);
  const int d = thread / 16 * 4;
  const int slot = thread % 16 * 4;
  for (int depth = 0; depth < rank; depth += kDepth) {
    simt::block_barrier();
    for (int e = thread; e < kTile * kDepth; e += kExpandThreads) {
      const int i = e / kDepth;
      const int r = depth + e % kDepth;
      tiles.map[e % kDepth][i] =
          i < dims_left && r < rank ? map_value<kBf16>(map, int64_t{i} * rank + r) : 0;
    }
    for (int e = thread; e < kTile * kDepth / 2; e += kExpandThreads) {
      const int i = e / (kDepth / 2);
      const int r = e % (kDepth / 2) * 2;
      const float2 x = i < valid ? row_pair<F>(latents, values, i, depth + r) : float2{0, 0};
      tiles.latent[r][i] = x.x;
      tiles.latent[r + 1][i] = x.y;
    }
    simt::block_barrier();
    HEARTH_UNROLL
    for (int r = 0; r < kDepth; ++r) {
      const float4 a = *reinterpret_cast<const float4*>(&tiles.map[r][d]);
      const float4 b = *reinterpret_cast<const float4*>(&tiles.latent[r][slot]);
      const float left[4] = {a.x, a.y, a.z, a.w};
      HEARTH_UNROLL
      for (int i = 0; i < 4; ++i) {
        acc[i][0] += left[i] * b.x;
        acc[i][1] += left[i] * b.y;
        acc[i][2] += left[i] * b.z;
        acc[i][3] += left[i] * b.w;
      }
    }
  }
}

// Grid: tiles of dimensions (keys, then values), cache blocks, heads.
template <CacheFormat F, bool kBf16>
__global__ void __launch_bounds__(kExpandThreads, 2)
    expand_history_kernel(CacheView cache, LatentShape shape, ExpandHistory a, int32_t key_tiles) {
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
  float acc[4][4] = {};
  if (tile < dims) {
    expand_tile<F, kBf16>(map, latents, cache.values, shape.rank, dims - tile, valid, tiles, acc);
  }
  const int d0 = tile + static_cast<int>(threadIdx.x) / 16 * 4;
  const int slot0 = static_cast<int>(threadIdx.x) % 16 * 4;
  float* block = a.out + blockIdx.y * a.block_floats;
  float* out = block + int64_t{blockIdx.z} * qk * kSlots;
  if (!keys) {
    out = block + (int64_t{a.heads} * qk + int64_t{blockIdx.z} * shape.value_dims) * kSlots;
  }
  for (int i = 0; i < 4; ++i) {
    const int d = d0 + i;
    for (int j = 0; j < 4; ++j) {
      const int slot = slot0 + j;
      if (!keys && d < dims) out[slot * dims + d] = acc[i][j];
      if (keys && d < dims) out[d * kSlots + slot] = acc[i][j];
      if (keys && d >= dims && d < qk) {  // the rotated part is the same for all heads
        const int from = shape.rank + d - dims;
        const float2 x =
            slot < valid ? row_pair<F>(latents, cache.values, slot, from - from % 2) : float2{0, 0};
        out[d * kSlots + slot] = from % 2 == 0 ? x.x : x.y;
      }
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
                     sizeof(float) * kRows * shape.nope};
  const auto kernel = k_b.bf16 ? absorb_kernel<true> : absorb_kernel<false>;
  launch(stream, grid, kernel, shape, k_b.data, rows.generated_rows, rows.generated_count, q, out);
}

void expand_mixed(Stream& stream, const StepRows& rows, const LatentShape& shape,
                  const LatentMap& v_b, const float* mixed, float* out) {
  if (rows.generated_count == 0) return;
  const Grid grid = {pieces(shape.value_dims, kValueDims), static_cast<unsigned>(shape.heads),
                     pieces(rows.generated_count, kRows), kValueThreads,
                     sizeof(float) * kRows * shape.rank};
  const auto kernel = v_b.bf16 ? expand_mixed_kernel<true> : expand_mixed_kernel<false>;
  launch(stream, grid, kernel, shape, v_b.data, rows.generated_rows, rows.generated_count, mixed,
         out);
}

void expand_history(Stream& stream, const CacheView& cache, const LatentShape& shape,
                    const ExpandHistory& args) {
  const unsigned key_tiles = pieces(shape.nope + shape.rope, kTile);
  const Grid grid = {key_tiles + pieces(shape.value_dims, kTile), pieces(args.end, kSlots),
                     static_cast<unsigned>(args.heads), kExpandThreads};
  with_cache_format(cache.format, [&]<CacheFormat F>() {
    const auto kernel =
        args.k_b.bf16 ? expand_history_kernel<F, true> : expand_history_kernel<F, false>;
    launch(stream, grid, kernel, cache, shape, args, static_cast<int32_t>(key_tiles));
  });
}

}  // namespace hearth::cuda
