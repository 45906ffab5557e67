// See latents.h: generated rows over latents. A block takes one split of one row for 8 heads,
// 16 positions at a time, with a running softmax. Scores: each warp takes every eighth quad of the
// latents' values and a lane 2 positions x 2 heads. Mixing: a thread takes two values and all
// heads.
#include "hearth/backend/cuda/attention/cache_elements.h"
#include "hearth/backend/cuda/attention/latents.h"

namespace hearth::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / simt::kWarp;
constexpr int kHeads = 8;
constexpr int kPositions = 16;
constexpr int kScores = kHeads * kPositions;

struct Room {
  float* q;       // [kHeads][stride]
  float* latent;  // [kPositions][stride]
  float* parts;   // [warp][kScores]
  float* share;   // [position][kHeads]
  float* shrink;  // [kHeads]

  __device__ Room(float* memory, int stride)
      : q(memory),
        latent(q + kHeads * stride),
        parts(latent + kPositions * stride),
        share(parts + kWarps * kScores),
        shrink(share + kScores) {}
  static size_t bytes(int stride) {
    return sizeof(float) *
           (size_t(kHeads + kPositions) * size_t(stride) + kWarps * kScores + kScores + kHeads);
  }
};

// Rows of whole quads whose starts fall on different banks.
__host__ __device__ constexpr int stride_of(int values) {
  return (values + 31) / 32 * 32 + 4;
}

struct Work {
  const RowPlace* places;
  const int32_t* generated_rows;
  const int32_t* table;
  int32_t table_width;
};

template <CacheFormat F>
__device__ void stage_latents(const std::byte* latents, int values, int slot, int valid, int stride,
                              float* staged) {
  const int pairs = stride / 2;
  HEARTH_UNROLL_8
  for (int e = static_cast<int>(threadIdx.x); e < kPositions * pairs; e += kThreads) {
    const int i = e / pairs;
    const int d = e % pairs * 2;
    float2 x = {0, 0};
    if (i < valid && d < values) x = row_pair<F>(latents, values, slot + i, d);
    *reinterpret_cast<float2*>(staged + i * stride + d) = x;
  }
}

// 16 positions on their way to shared memory, 16 bytes at a time: a warp takes two of them.
template <CacheFormat F>
struct Ahead {
  static constexpr int kValuesMax = 3 * simt::kWarp * kWide;
  uint4 bits[2][3];

  __device__ __forceinline__ void load(const std::byte* latents, int values, int slot, int valid) {
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) {
      const int row = simt::warp_index() + i * kWarps;
      const auto* from = reinterpret_cast<const uint4*>(latents + int64_t{slot + row} * values * 2);
      HEARTH_UNROLL
      for (int j = 0; j < 3; ++j) {
        const int c = simt::lane_index() + j * simt::kWarp;
        bits[i][j] = {0, 0, 0, 0};
        if (row < valid && c * kWide < values) bits[i][j] = from[c];
      }
    }
  }
  __device__ __forceinline__ void unload(int values, int stride, float* staged) const {
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) {
      float* to = staged + (simt::warp_index() + i * kWarps) * stride;
      HEARTH_UNROLL
      for (int j = 0; j < 3; ++j) {
        const int d = (simt::lane_index() + j * simt::kWarp) * kWide;
        if (d >= values) continue;
        float x[kWide];
        unpack<F>(bits[i][j], x);
        *reinterpret_cast<float4*>(to + d) = {x[0], x[1], x[2], x[3]};
        *reinterpret_cast<float4*>(to + d + 4) = {x[4], x[5], x[6], x[7]};
      }
    }
  }
};

__device__ __forceinline__ float dot_quad(float4 a, float4 b, float sum) {
  return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

// The warp's part of all scores: `parts` [position][head].
__device__ void score_parts(const Room& room, int quads, int stride) {
  const int lane = simt::lane_index();
  const float* k = room.latent + lane / 4 * stride;
  const float* q = room.q + lane % 4 * stride;
  float s[2][2] = {};
  for (int i = simt::warp_index(); i < quads; i += kWarps) {
    const float4 k0 = *reinterpret_cast<const float4*>(k + 4 * i);
    const float4 k1 = *reinterpret_cast<const float4*>(k + 8 * stride + 4 * i);
    const float4 q0 = *reinterpret_cast<const float4*>(q + 4 * i);
    const float4 q1 = *reinterpret_cast<const float4*>(q + 4 * stride + 4 * i);
    s[0][0] = dot_quad(k0, q0, s[0][0]);
    s[0][1] = dot_quad(k0, q1, s[0][1]);
    s[1][0] = dot_quad(k1, q0, s[1][0]);
    s[1][1] = dot_quad(k1, q1, s[1][1]);
  }
  float* out = room.parts + simt::warp_index() * kScores + lane / 4 * kHeads + lane % 4;
  HEARTH_UNROLL
  for (int i = 0; i < 2; ++i) {
    out[i * 8 * kHeads] = s[i][0];
    out[i * 8 * kHeads + 4] = s[i][1];
  }
}

// Of the head that 16 threads share.
struct Running {
  float top = -INFINITY;
  float total = 0;
};

// Thread: head threadIdx.x / 16, position threadIdx.x % 16; the first four warps.
__device__ void fold_in(const Room& room, int valid, float scale, Running& running) {
  const int head = static_cast<int>(threadIdx.x) / kPositions;
  const int i = static_cast<int>(threadIdx.x) % kPositions;
  float s = 0;
  for (int w = 0; w < kWarps; ++w) s += room.parts[w * kScores + i * kHeads + head];
  s = i < valid ? s * scale : -INFINITY;
  float top = fmaxf(running.top, s);
  for (int mask = 8; mask > 0; mask /= 2) top = fmaxf(top, simt::shuffle_xor(top, mask));
  const float p = expf(s - top);
  float total = p;
  for (int mask = 8; mask > 0; mask /= 2) total += simt::shuffle_xor(total, mask);
  const float shrink = expf(running.top - top);
  running.total = running.total * shrink + total;
  running.top = top;
  room.share[i * kHeads + head] = p;
  if (i == 0) room.shrink[head] = shrink;
}

template <int kPairs>
__device__ void mix(const Room& room, int stride, int width, float2 (&acc)[kPairs][kHeads]) {
  HEARTH_UNROLL
  for (int j = 0; j < kPairs; ++j) {
    const int r = 2 * (static_cast<int>(threadIdx.x) + j * kThreads);
    if (r >= width) continue;
    HEARTH_UNROLL
    for (int h = 0; h < kHeads; ++h) {
      acc[j][h].x *= room.shrink[h];
      acc[j][h].y *= room.shrink[h];
    }
    for (int i = 0; i < kPositions; ++i) {
      const float2 x = *reinterpret_cast<const float2*>(room.latent + i * stride + r);
      HEARTH_UNROLL
      for (int h = 0; h < kHeads; ++h) {
        const float p = room.share[i * kHeads + h];
        acc[j][h].x = fmaf(p, x.x, acc[j][h].x);
        acc[j][h].y = fmaf(p, x.y, acc[j][h].y);
      }
    }
  }
}

template <CacheFormat F, int kPairs, bool kAhead>
__global__ void __launch_bounds__(kThreads, 2)
    split_latents_kernel(CacheView cache, LatentShape shape, SplitLatents a, Work work) {
  simt::wait_for_inputs();
  const RowPlace place = work.places[work.generated_rows[blockIdx.x]];
  const int split = static_cast<int>(blockIdx.z);
  const int begin = split * a.partials.positions;
  if (begin > place.position) return;
  const int head = static_cast<int>(blockIdx.y) * kHeads;
  const int heads = shape.heads - head < kHeads ? shape.heads - head : kHeads;
  const int values = cache.values;
  const int stride = stride_of(values);
  const Room room(reinterpret_cast<float*>(simt::shared_memory()), stride);
  const float* q = a.q + (int64_t{blockIdx.x} * shape.heads + head) * values;
  for (int e = static_cast<int>(threadIdx.x); e < kHeads * stride; e += kThreads) {
    const int h = e / stride;
    const int d = e % stride;
    room.q[e] = h < heads && d < values ? q[h * values + d] : 0;
  }
  const int32_t* table = work.table + int64_t{place.sequence} * work.table_width;
  const int last = begin + a.partials.positions - 1;
  const int end = (last < place.position ? last : place.position) + 1;
  Running running;
  float2 acc[kPairs][kHeads] = {};
  const auto block_of = [&](int position) {
    return cache.data + table[position / kSlots] * cache.block_bytes;
  };
  const auto valid_from = [&](int first) {
    return end - first < kPositions ? end - first : kPositions;
  };
  Ahead<F> ahead;
  if (kAhead) ahead.load(block_of(begin), values, begin % kSlots, valid_from(begin));
  for (int first = begin; first < end; first += kPositions) {
    const int valid = valid_from(first);
    simt::block_barrier();  // the latents of the last positions have been mixed
    if (kAhead) {
      ahead.unload(values, stride, room.latent);
    } else {
      stage_latents<F>(block_of(first), values, first % kSlots, valid, stride, room.latent);
    }
    simt::block_barrier();
    const int next = first + kPositions;
    if (kAhead && next < end) {
      ahead.load(block_of(next), values, next % kSlots, valid_from(next));
    }
    score_parts(room, (values + 3) / 4, stride);
    simt::block_barrier();
    if (threadIdx.x < kScores) fold_in(room, valid, a.scale, running);
    simt::block_barrier();
    mix<kPairs>(room, stride, shape.rank, acc);
  }
  const int64_t out = (int64_t{blockIdx.x} * shape.heads + head) * a.partials.splits + split;
  HEARTH_UNROLL
  for (int j = 0; j < kPairs; ++j) {
    const int r = 2 * (static_cast<int>(threadIdx.x) + j * kThreads);
    HEARTH_UNROLL
    for (int h = 0; h < kHeads; ++h) {
      if (h >= heads) continue;
      float* row = a.partials.mixed + (out + int64_t{h} * a.partials.splits) * shape.rank;
      if (r < shape.rank) row[r] = acc[j][h].x;
      if (r + 1 < shape.rank) row[r + 1] = acc[j][h].y;
    }
  }
  const int h = static_cast<int>(threadIdx.x) / kPositions;
  if (threadIdx.x % kPositions == 0 && h < heads) {
    float* top = a.partials.top + (out + int64_t{h} * a.partials.splits) * 2;
    top[0] = running.top;
    top[1] = running.total;
  }
}

}  // namespace

void split_latents(Stream& stream, const StepRows& rows, const CacheView& cache,
                   const LatentShape& shape, const SplitLatents& args) {
  if (rows.generated_count == 0) return;
  const Work work = {rows.places, rows.generated_rows, rows.block_table, rows.table_width};
  const Grid grid = {static_cast<unsigned>(rows.generated_count),
                     static_cast<unsigned>((shape.heads + kHeads - 1) / kHeads),
                     static_cast<unsigned>(args.partials.splits), kThreads,
                     Room::bytes(stride_of(cache.values))};
  with_cache_format(cache.format, [&]<CacheFormat F>() {
    constexpr bool kSixteenBits = F == CacheFormat::f16 || F == CacheFormat::bf16;
    const bool ahead = kSixteenBits && cache.values % kWide == 0 &&
                       cache.values <= Ahead<F>::kValuesMax && shape.rank <= 2 * kThreads;
    const auto kernel = ahead                        ? split_latents_kernel<F, 1, kSixteenBits>
                        : shape.rank <= 2 * kThreads ? split_latents_kernel<F, 1, false>
                                                     : split_latents_kernel<F, 2, false>;
    launch(stream, grid, kernel, cache, shape, args, work);
  });
}

}  // namespace hearth::cuda
