// See split_gqa.h. A warp takes one cache block of 64 positions. Scores: a lane takes two slots and
// all dimensions, so that keys, stored [dimension][slot], are read in whole lines. Values: a lane
// takes two dimensions and all slots. Keys and values are read once for up to 8 heads.
#include "hearth/backend/cuda/attention/split_gqa.h"

#include "hearth/backend/cuda/attention/cache_elements.h"
#include "hearth/backend/cuda/attention/split_parts.h"

namespace hearth::cuda {
namespace {

constexpr int kPositions = kGqaSplitPositions;
constexpr int kWarps = kPositions / kSlots;
constexpr int kThreads = kWarps * simt::kWarp;
constexpr int kChunk = 2 * simt::kWarp;  // dimensions of values at a time
constexpr int kCombineThreads = 128;

// Where things lie in shared memory, in floats.
template <int kHeads>
struct Room {
  float* q;     // [kHeads][quads of head_dim]
  float* p;     // [warp][slot][kHeads]
  float* mix;   // [warp][kHeads][kChunk]
  float* top;   // [warp][kHeads]
  float* sums;  // [warp][kHeads]

  __device__ Room(float* memory, int q_stride)
      : q(memory),
        p(q + kHeads * q_stride),
        mix(p + kWarps * kSlots * kHeads),
        top(mix + kWarps * kHeads * kChunk),
        sums(top + kWarps * kHeads) {}
  static size_t bytes(int q_stride) {
    return sizeof(float) *
           (size_t(kHeads) * size_t(q_stride) + kWarps * kHeads * (kSlots + kChunk + 2));
  }
};

// Scores of the lane's two slots with each head.
template <CacheFormat F, int kHeads>
__device__ __forceinline__ void score_block(const std::byte* keys, int dims, const float* q,
                                            int q_stride, float2* s) {
  const int slot = 2 * simt::lane_index();
  HEARTH_UNROLL_4
  for (int d = 0; d < dims; d += 4) {
    float2 k[4];
    key_quad<F>(keys, dims, d, slot, k);
    HEARTH_UNROLL
    for (int g = 0; g < kHeads; ++g) {
      const float4 x = *reinterpret_cast<const float4*>(q + g * q_stride + d);
      s[g].x = fmaf(x.w, k[3].x, fmaf(x.z, k[2].x, fmaf(x.y, k[1].x, fmaf(x.x, k[0].x, s[g].x))));
      s[g].y = fmaf(x.w, k[3].y, fmaf(x.z, k[2].y, fmaf(x.y, k[1].y, fmaf(x.x, k[0].y, s[g].y))));
    }
  }
}

// Values d and d + 1 mixed over the `seen` first slots, for each head.
template <CacheFormat F, int kHeads>
__device__ __forceinline__ void mix_block(const std::byte* values, int dims, int seen, int d,
                                          const float* p, float2* mix) {
  HEARTH_UNROLL_8
  for (int slot = 0; slot < seen; ++slot) {
    const float2 v = value_pair<F>(values, dims, slot, d);
    HEARTH_UNROLL
    for (int g = 0; g < kHeads; ++g) {
      const float share = p[slot * kHeads + g];
      mix[g].x = fmaf(share, v.x, mix[g].x);
      mix[g].y = fmaf(share, v.y, mix[g].y);
    }
  }
}

// The sum over warps of a chunk of dimensions, to the partials from `first` on.
template <int kHeads>
__device__ __forceinline__ void sum_chunk(const Room<kHeads>& room, const Partials& partials,
                                          int64_t first, int heads, int chunk, const float2* mix) {
  const int at = simt::warp_index() * kHeads * kChunk + 2 * simt::lane_index();
  HEARTH_UNROLL
  for (int g = 0; g < kHeads; ++g) {
    *reinterpret_cast<float2*>(room.mix + at + g * kChunk) = mix[g];
  }
  simt::block_barrier();
  for (int e = static_cast<int>(threadIdx.x); e < heads * kChunk; e += kThreads) {
    const int d = chunk + e % kChunk;
    if (d >= partials.dims) continue;
    float total = 0;
    for (int w = 0; w < kWarps; ++w) total += room.mix[w * kHeads * kChunk + e];
    partials.mixed[(first + int64_t{e / kChunk} * partials.splits) * partials.dims + d] = total;
  }
  simt::block_barrier();
}

template <CacheFormat F, int kHeads>
__global__ void __launch_bounds__(kThreads, 2)
    split_gqa_kernel(CacheView cache, SplitGqa a, SplitWork work) {
  simt::wait_for_inputs();
  const int64_t row = work.generated_rows[blockIdx.x];
  const RowPlace place = work.places[row];
  const int split = static_cast<int>(blockIdx.z);
  if (split * kPositions > place.position) return;
  const int dims = cache.head_dim;
  const int group = a.partials.heads / cache.kv_heads;
  const int kv = static_cast<int>(blockIdx.y) / work.groups;
  const int part = static_cast<int>(blockIdx.y) % work.groups * kHeads;
  const int heads = group - part < kHeads ? group - part : kHeads;
  const int head = kv * group + part;
  const int q_stride = (dims + 3) / 4 * 4;
  const Room<kHeads> room(reinterpret_cast<float*>(simt::shared_memory()), q_stride);
  const float* q = a.q + (row * a.partials.heads + head) * dims;
  for (int e = static_cast<int>(threadIdx.x); e < kHeads * q_stride; e += kThreads) {
    const int g = e / q_stride;
    const int d = e % q_stride;
    room.q[e] = g < heads && d < dims ? q[g * dims + d] : 0;
  }
  simt::block_barrier();
  const int warp = simt::warp_index();
  const int block = split * kWarps + warp;
  const int left = place.position + 1 - block * kSlots;
  const int seen = left < 0 ? 0 : left < kSlots ? left : kSlots;
  const std::byte* keys = nullptr;
  const std::byte* values = nullptr;
  float2 s[kHeads] = {};
  if (seen > 0) {
    const int64_t bytes = head_bytes<F>(dims);
    keys = cache.data +
           work.table[int64_t{place.sequence} * work.table_width + block] * cache.block_bytes +
           kv * bytes;
    values = keys + cache.kv_heads * bytes;
    score_block<F, kHeads>(keys, dims, room.q, q_stride, s);
  }
  const int slot = 2 * simt::lane_index();
  exponentials<kWarps, kHeads>(room.p, room.top, room.sums, slot, seen, a.scale, s);
  const int64_t first = (int64_t{blockIdx.x} * a.partials.heads + head) * a.partials.splits + split;
  for (int chunk = 0; chunk < dims; chunk += kChunk) {
    const int d = chunk + 2 * simt::lane_index();
    float2 mix[kHeads] = {};
    if (d < dims) mix_block<F, kHeads>(values, dims, seen, d, room.p + warp * kSlots * kHeads, mix);
    sum_chunk<kHeads>(room, a.partials, first, heads, chunk, mix);
  }
  write_tops<kWarps, kHeads>(room.top, room.sums, heads, a.partials, first);
}

__global__ void __launch_bounds__(kCombineThreads)
    combine_kernel(Partials partials, const RowPlace* places, const int32_t* generated_rows,
                   float* out, bool to_batch_rows) {
  simt::wait_for_inputs();
  const int64_t row = generated_rows[blockIdx.x];
  const int used = places[row].position / partials.positions + 1;
  const int64_t first =
      (int64_t{blockIdx.x} * partials.heads + blockIdx.y) * int64_t{partials.splits};
  const float* tops = partials.top + first * 2;
  float top = tops[0];
  for (int s = 1; s < used; ++s) top = fmaxf(top, tops[2 * s]);
  float total = 0;
  for (int s = 0; s < used; ++s) total += tops[2 * s + 1] * expf(tops[2 * s] - top);
  const int64_t to = to_batch_rows ? row : int64_t{blockIdx.x};
  out += (to * partials.heads + blockIdx.y) * partials.dims;
  for (int d = static_cast<int>(threadIdx.x); d < partials.dims; d += kCombineThreads) {
    float mixed = 0;
    for (int s = 0; s < used; ++s) {
      mixed += partials.mixed[(first + s) * partials.dims + d] * expf(tops[2 * s] - top);
    }
    out[d] = mixed / total;
  }
}

template <CacheFormat F, int kHeads>
void launch_split(Stream& stream, const StepRows& rows, const CacheView& cache,
                  const SplitGqa& args) {
  const int group = args.partials.heads / cache.kv_heads;
  const SplitWork work = {rows.places, rows.generated_rows, rows.block_table, rows.table_width,
                          (group + kHeads - 1) / kHeads};
  const Grid grid = {static_cast<unsigned>(rows.generated_count),
                     static_cast<unsigned>(cache.kv_heads * work.groups),
                     static_cast<unsigned>(args.partials.splits), kThreads,
                     Room<kHeads>::bytes((cache.head_dim + 3) / 4 * 4)};
  launch(stream, grid, split_gqa_kernel<F, kHeads>, cache, args, work);
}

}  // namespace

void split_gqa(Stream& stream, const StepRows& rows, const CacheView& cache, const SplitGqa& args) {
  if (rows.generated_count == 0) return;
  if (split_gqa_wide(stream, rows, cache, args)) return;
  const int group = args.partials.heads / cache.kv_heads;
  with_cache_format(cache.format, [&]<CacheFormat F>() {
    if (group == 1) return launch_split<F, 1>(stream, rows, cache, args);
    if (group == 2) return launch_split<F, 2>(stream, rows, cache, args);
    if (group <= 4) return launch_split<F, 4>(stream, rows, cache, args);
    return launch_split<F, 8>(stream, rows, cache, args);
  });
}

void combine(Stream& stream, const StepRows& rows, const Partials& partials, float* out,
             bool to_batch_rows) {
  if (rows.generated_count == 0) return;
  const Grid grid = {static_cast<unsigned>(rows.generated_count),
                     static_cast<unsigned>(partials.heads), 1, kCombineThreads};
  launch(stream, grid, combine_kernel, partials, rows.places, rows.generated_rows, out,
         to_batch_rows);
}

}  // namespace hearth::cuda
