// See store.h. One block a row. The reference rotates in floats without fused operations and norms
// in doubles; so do we, and the cache gets the same bits on every device.
#include "hearth/backend/cuda/attention/store.h"

#include "hearth/backend/cuda/attention/cache_elements.h"

namespace hearth::cuda {
namespace {

constexpr int kThreads = 256;

// cos and sin [dims / 2] of a position, for the whole block.
__device__ void make_angles(const RopeView& rope, int position, float* cosines, float* sines) {
  for (int i = static_cast<int>(threadIdx.x); i < rope.dims / 2; i += kThreads) {
    const double angle = static_cast<double>(position) * rope.inv_freq[i];
    cosines[i] = static_cast<float>(cos(angle) * rope.magnitude);
    sines[i] = static_cast<float>(sin(angle) * rope.magnitude);
  }
  simt::block_barrier();
}

// Rotates the first rope.dims of each head, heads `stride` apart.
__device__ void rotate_heads(const RopeView& rope, float* x, int heads, int stride,
                             const float* cosines, const float* sines) {
  const int half = rope.dims / 2;
  const int step = rope.interleaved ? 2 : 1;
  const int gap = rope.interleaved ? 1 : half;
  for (int e = static_cast<int>(threadIdx.x); e < heads * half; e += kThreads) {
    const int i = e % half;
    float* a = x + static_cast<int64_t>(e / half) * stride + i * step;
    float* b = a + gap;
    const float c = cosines[i];
    const float s = sines[i];
    const float rotated = sum(product(*a, c), -product(*b, s));
    *b = sum(product(*b, c), product(*a, s));
    *a = rotated;
  }
}

// Where a q8_0 block of 32 values lies.
struct Q8Place {
  std::byte* quads;
  int64_t quad_stride;
  std::byte* scale;
};

__device__ Q8Place row_place(std::byte* base, int width, int slot, int b) {
  return {base + slot * width + b * kQ8Values, 4,
          base + int64_t{kSlots} * width + (b * kSlots + slot) * 2};
}

__device__ Q8Place q8_place(const CacheView& cache, std::byte* block, int slot, int b) {
  if (cache.kv_heads == 0) return row_place(block, cache.values, slot, b);
  const int of_head = cache.head_dim / kQ8Values;
  std::byte* base = block + b / of_head * head_bytes<CacheFormat::q8_0>(cache.head_dim);
  if (b >= cache.kv_heads * of_head) return row_place(base, cache.head_dim, slot, b % of_head);
  std::byte* group = base + (slot / kQ8GroupSlots * of_head + b % of_head) * int64_t{kQ8GroupBytes};
  const int lane = slot % kQ8GroupSlots;
  return {group + lane * 4, kQ8GroupSlots * 4, group + kQ8GroupSlots * kQ8Values + lane * 2};
}

// A warp encodes one block, a lane one value: as Q8_0::encode_block.
template <typename At>
__device__ void store_q8(const CacheView& cache, std::byte* block, int slot, const At& at) {
  const int lane = simt::lane_index();
  for (int b = simt::warp_index(); b < cache.values / kQ8Values; b += kThreads / simt::kWarp) {
    const float x = at(b * kQ8Values + lane);
    const bool finite = simt::warp_max(x - x == 0 ? 0.0f : 1.0f) == 0;
    const float d = simt::warp_max(fabsf(x)) / 127;
    const float inverse = 1 / d;
    const float scale = inverse - inverse == 0 ? inverse : 0;
    const float level = fminf(fmaxf(product(x, scale), -127.0f), 127.0f);
    const Q8Place place = q8_place(cache, block, slot, b);
    place.quads[lane / 4 * place.quad_stride + lane % 4] =
        static_cast<std::byte>(static_cast<uint8_t>(finite ? lroundf(level) : 0));
    if (lane == 0) {
      *reinterpret_cast<uint16_t*>(place.scale) = finite ? simt::to_f16(d) : uint16_t{0x7e00};
    }
  }
}

template <CacheFormat F, typename At>
__device__ void store_row(const CacheView& cache, std::byte* block, int slot, const At& at) {
  if (F == CacheFormat::q8_0) return store_q8(cache, block, slot, at);
  const int d = cache.head_dim;
  const int keys = cache.kv_heads * d;
  for (int i = static_cast<int>(threadIdx.x); i < cache.values; i += kThreads) {
    int64_t place = int64_t{slot} * cache.values + i;
    if (i < keys) {
      place = int64_t{i} * kSlots + slot;
    } else if (keys > 0) {
      const int j = i - keys;
      place = int64_t{keys + j / d * d} * kSlots + slot * d + j % d;
    }
    const float x = at(i);
    if (F == CacheFormat::f32) reinterpret_cast<float*>(block)[place] = x;
    if (F == CacheFormat::f16) reinterpret_cast<uint16_t*>(block)[place] = simt::to_f16(x);
    if (F == CacheFormat::bf16) reinterpret_cast<uint16_t*>(block)[place] = simt::to_bf16(x);
  }
}

__device__ std::byte* block_of(const CacheView& cache, const int32_t* table, int width,
                               const RowPlace& place) {
  return cache.data +
         table[int64_t{place.sequence} * width + place.position / kSlots] * cache.block_bytes;
}

template <CacheFormat F>
__global__ void __launch_bounds__(kThreads)
    store_gqa_kernel(CacheView cache, StoreGqa a, const RowPlace* places, const int32_t* table,
                     int32_t width) {
  simt::wait_for_inputs();
  const auto t = static_cast<int64_t>(blockIdx.x);
  const RowPlace place = places[t];
  auto* cosines = reinterpret_cast<float*>(simt::shared_memory());
  float* sines = cosines + a.rope.dims / 2;
  make_angles(a.rope, place.position, cosines, sines);
  const int d = cache.head_dim;
  const int keys = cache.kv_heads * d;
  float* k = a.k + t * keys;
  const float* v = a.v + t * keys;
  rotate_heads(a.rope, a.q + t * a.heads * d, a.heads, d, cosines, sines);
  rotate_heads(a.rope, k, cache.kv_heads, d, cosines, sines);
  simt::block_barrier();
  store_row<F>(cache, block_of(cache, table, width, place), place.position % kSlots,
               [&](int i) { return i < keys ? k[i] : v[i - keys]; });
}

__device__ double block_sum_double(double v, double* slots) {
  for (int mask = simt::kWarp / 2; mask > 0; mask /= 2) v += simt::shuffle_xor(v, mask);
  if (simt::lane_index() == 0) slots[simt::warp_index()] = v;
  simt::block_barrier();
  double total = 0;
  for (int w = 0; w < kThreads / simt::kWarp; ++w) total += slots[w];
  return total;
}

template <CacheFormat F>
__global__ void __launch_bounds__(kThreads)
    store_mla_kernel(CacheView cache, StoreMla a, const RowPlace* places, const int32_t* table,
                     int32_t width) {
  simt::wait_for_inputs();
  __shared__ double slots[kThreads / simt::kWarp];
  const auto t = static_cast<int64_t>(blockIdx.x);
  const RowPlace place = places[t];
  auto* cosines = reinterpret_cast<float*>(simt::shared_memory());
  float* sines = cosines + a.rope.dims / 2;
  make_angles(a.rope, place.position, cosines, sines);
  const int qk = a.nope + a.rope.dims;
  rotate_heads(a.rope, a.q + t * a.heads * qk + a.nope, a.heads, qk, cosines, sines);
  float* kv = a.kv + t * cache.values;
  rotate_heads(a.rope, kv + a.rank, 1, 0, cosines, sines);
  if (a.norm) {
    double squares = 0;
    for (int i = static_cast<int>(threadIdx.x); i < a.rank; i += kThreads) {
      squares += static_cast<double>(kv[i]) * kv[i];
    }
    const double inverse = 1 / sqrt(block_sum_double(squares, slots) / a.rank + a.eps);
    for (int i = static_cast<int>(threadIdx.x); i < a.rank; i += kThreads) {
      kv[i] = static_cast<float>(kv[i] * inverse * a.norm[i]);
    }
  }
  simt::block_barrier();
  store_row<F>(cache, block_of(cache, table, width, place), place.position % kSlots,
               [&](int i) { return kv[i]; });
}

Grid row_grid(const StepRows& rows, const RopeView& rope) {
  return {static_cast<unsigned>(rows.rows), 1, 1, kThreads, sizeof(float) * size_t(rope.dims)};
}

}  // namespace

void store_gqa(Stream& stream, const StepRows& rows, const CacheView& cache, const StoreGqa& args) {
  if (rows.rows == 0) return;
  with_cache_format(cache.format, [&]<CacheFormat F>() {
    launch(stream, row_grid(rows, args.rope), store_gqa_kernel<F>, cache, args, rows.places,
           rows.block_table, rows.table_width);
  });
}

void store_mla(Stream& stream, const StepRows& rows, const CacheView& cache, const StoreMla& args) {
  if (rows.rows == 0) return;
  with_cache_format(cache.format, [&]<CacheFormat F>() {
    launch(stream, row_grid(rows, args.rope), store_mla_kernel<F>, cache, args, rows.places,
           rows.block_table, rows.table_width);
  });
}

}  // namespace hearth::cuda
