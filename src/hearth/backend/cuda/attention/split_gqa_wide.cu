// See split_gqa.h. A warp takes one cache block. Scores: a lane takes eight slots and every fourth
// dimension; four lanes then add up, and each keeps two slots. Values: a lane takes eight
// dimensions and every second (fourth, of 64 dimensions) slot. Eight loads of 16 bytes are in
// flight in each lane, which is what short histories on few processors need.
#include "hearth/backend/cuda/attention/cache_elements.h"
#include "hearth/backend/cuda/attention/split_gqa.h"
#include "hearth/backend/cuda/attention/split_parts.h"

namespace hearth::cuda {
namespace {

constexpr int kWarps = kGqaSplitPositions / kSlots;
constexpr int kThreads = kWarps * simt::kWarp;
constexpr int kInFlight = 8;

// Lanes of a warp that share a row of values, and rows read at once.
template <int kDims>
constexpr int kRowLanes = kDims / kWide;
template <int kDims>
constexpr int kRowsAtOnce = simt::kWarp / kRowLanes<kDims>;

template <int kDims, int kHeads>
struct Room {
  float q[kHeads][kDims];
  float p[kWarps][kSlots][kHeads];
  float mix[kWarps][kRowsAtOnce<kDims>][kHeads][kDims];
  float top[kWarps * kHeads];
  float sums[kWarps * kHeads];
};

// The half of `from` that the lane's bit selects, with what the lane across has of it added.
template <int kCount>
__device__ __forceinline__ void halve(const float* from, int mask, float* to) {
  const bool upper = (simt::lane_index() & mask) != 0;
  HEARTH_UNROLL
  for (int j = 0; j < kCount / 2; ++j) {
    const float keep = upper ? from[j + kCount / 2] : from[j];
    const float give = upper ? from[j] : from[j + kCount / 2];
    to[j] = keep + simt::shuffle_xor(give, mask);
  }
}

// Scores of the lane's two slots: see `own_slot`.
template <CacheFormat F, int kDims, int kHeads>
__device__ __forceinline__ void score_block(const std::byte* keys, const float (&q)[kHeads][kDims],
                                            float2* s) {
  const int part = simt::lane_index() / 8;
  const auto* at = reinterpret_cast<const uint4*>(keys) + simt::lane_index();
  float sums[kHeads][kWide] = {};
  for (int d = 0; d < kDims; d += 4 * kInFlight) {
    uint4 bits[kInFlight];
    HEARTH_UNROLL
    for (int i = 0; i < kInFlight; ++i) bits[i] = at[(d / 4 + i) * simt::kWarp];
    HEARTH_UNROLL
    for (int i = 0; i < kInFlight; ++i) {
      float k[kWide];
      unpack<F>(bits[i], k);
      HEARTH_UNROLL
      for (int g = 0; g < kHeads; ++g) {
        const float x = q[g][d + 4 * i + part];
        HEARTH_UNROLL
        for (int j = 0; j < kWide; ++j) sums[g][j] = fmaf(x, k[j], sums[g][j]);
      }
    }
  }
  HEARTH_UNROLL
  for (int g = 0; g < kHeads; ++g) {
    float four[4], two[2];
    halve<8>(sums[g], 16, four);
    halve<4>(four, 8, two);
    s[g] = {two[0], two[1]};
  }
}

__device__ __forceinline__ int own_slot() {
  const int lane = simt::lane_index();
  return lane % 8 * kWide + lane / 16 * 4 + lane / 8 % 2 * 2;
}

template <CacheFormat F, int kDims, int kHeads>
__device__ __forceinline__ void mix_block(const std::byte* values, int seen,
                                          Room<kDims, kHeads>& room) {
  constexpr int kRows = kRowsAtOnce<kDims>;
  const int part = simt::lane_index() / kRowLanes<kDims>;
  const auto* at = reinterpret_cast<const uint4*>(values) + simt::lane_index();
  const auto& p = room.p[simt::warp_index()];
  float mix[kHeads][kWide] = {};
  for (int slot = 0; slot < seen; slot += kRows * kInFlight) {
    uint4 bits[kInFlight];
    HEARTH_UNROLL
    for (int i = 0; i < kInFlight; ++i) {
      bits[i] = {0, 0, 0, 0};  // what was never stored may be a NaN
      if (slot + i * kRows + part < seen) bits[i] = at[(slot / kRows + i) * simt::kWarp];
    }
    HEARTH_UNROLL
    for (int i = 0; i < kInFlight; ++i) {
      float v[kWide];
      unpack<F>(bits[i], v);
      HEARTH_UNROLL
      for (int g = 0; g < kHeads; ++g) {
        const float share = p[slot + i * kRows + part][g];
        HEARTH_UNROLL
        for (int j = 0; j < kWide; ++j) mix[g][j] = fmaf(share, v[j], mix[g][j]);
      }
    }
  }
  HEARTH_UNROLL
  for (int g = 0; g < kHeads; ++g) {
    float* to =
        &room.mix[simt::warp_index()][part][g][simt::lane_index() % kRowLanes<kDims> * kWide];
    HEARTH_UNROLL
    for (int j = 0; j < kWide; ++j) to[j] = mix[g][j];
  }
}

template <CacheFormat F, int kDims, int kHeads>
__global__ void __launch_bounds__(kThreads, 3)
    split_gqa_wide_kernel(CacheView cache, SplitGqa a, SplitWork work) {
  simt::wait_for_inputs();
  auto& room = *reinterpret_cast<Room<kDims, kHeads>*>(simt::shared_memory());
  const int64_t row = work.generated_rows[blockIdx.x];
  const RowPlace place = work.places[row];
  const int split = static_cast<int>(blockIdx.z);
  if (split * kGqaSplitPositions > place.position) return;
  const int group = a.partials.heads / cache.kv_heads;
  const int kv = static_cast<int>(blockIdx.y) / work.groups;
  const int part = static_cast<int>(blockIdx.y) % work.groups * kHeads;
  const int heads = group - part < kHeads ? group - part : kHeads;
  const int head = kv * group + part;
  const float* q = a.q + (row * a.partials.heads + head) * kDims;
  for (int e = static_cast<int>(threadIdx.x); e < kHeads * kDims; e += kThreads) {
    room.q[e / kDims][e % kDims] = e < heads * kDims ? q[e] : 0;
  }
  simt::block_barrier();
  const int block = split * kWarps + simt::warp_index();
  const int left = place.position + 1 - block * kSlots;
  const int seen = left < 0 ? 0 : left < kSlots ? left : kSlots;
  constexpr int64_t kHeadBytes = int64_t{kSlots} * kDims * 2;
  const std::byte* keys = cache.data;
  float2 s[kHeads] = {};
  if (seen > 0) {
    keys = cache.data +
           work.table[int64_t{place.sequence} * work.table_width + block] * cache.block_bytes +
           kv * kHeadBytes;
    score_block<F, kDims, kHeads>(keys, room.q, s);
  }
  exponentials<kWarps, kHeads>(&room.p[0][0][0], room.top, room.sums, own_slot(), seen, a.scale, s);
  mix_block<F, kDims, kHeads>(keys + cache.kv_heads * kHeadBytes, seen, room);
  simt::block_barrier();
  const int64_t first = (int64_t{blockIdx.x} * a.partials.heads + head) * a.partials.splits + split;
  for (int e = static_cast<int>(threadIdx.x); e < heads * kDims; e += kThreads) {
    float total = 0;
    HEARTH_UNROLL
    for (int w = 0; w < kWarps * kRowsAtOnce<kDims>; ++w) {
      total += (&room.mix[0][0][0][0])[w * kHeads * kDims + e];
    }
    a.partials.mixed[(first + int64_t{e / kDims} * a.partials.splits) * kDims + e % kDims] = total;
  }
  write_tops<kWarps, kHeads>(room.top, room.sums, heads, a.partials, first);
}

template <CacheFormat F, int kDims, int kHeads>
bool launch_wide(Stream& stream, const StepRows& rows, const CacheView& cache,
                 const SplitGqa& args) {
  const int group = args.partials.heads / cache.kv_heads;
  const SplitWork work = {rows.places, rows.generated_rows, rows.block_table, rows.table_width,
                          (group + kHeads - 1) / kHeads};
  const Grid grid = {static_cast<unsigned>(rows.generated_count),
                     static_cast<unsigned>(cache.kv_heads * work.groups),
                     static_cast<unsigned>(args.partials.splits), kThreads,
                     sizeof(Room<kDims, kHeads>)};
  launch(stream, grid, split_gqa_wide_kernel<F, kDims, kHeads>, cache, args, work);
  return true;
}

template <CacheFormat F, int kDims>
bool launch_for_group(Stream& stream, const StepRows& rows, const CacheView& cache,
                      const SplitGqa& args) {
  const int group = args.partials.heads / cache.kv_heads;
  if (group == 1) return launch_wide<F, kDims, 1>(stream, rows, cache, args);
  if (group == 2) return launch_wide<F, kDims, 2>(stream, rows, cache, args);
  if (group <= 4) return launch_wide<F, kDims, 4>(stream, rows, cache, args);
  return launch_wide<F, kDims, 8>(stream, rows, cache, args);
}

}  // namespace

bool split_gqa_wide(Stream& stream, const StepRows& rows, const CacheView& cache,
                    const SplitGqa& args) {
  const bool bf16 = cache.format == CacheFormat::bf16;
  if (!bf16 && cache.format != CacheFormat::f16) return false;
  if (cache.head_dim == 64) {
    return bf16 ? launch_for_group<CacheFormat::bf16, 64>(stream, rows, cache, args)
                : launch_for_group<CacheFormat::f16, 64>(stream, rows, cache, args);
  }
  if (cache.head_dim == 128) {
    return bf16 ? launch_for_group<CacheFormat::bf16, 128>(stream, rows, cache, args)
                : launch_for_group<CacheFormat::f16, 128>(stream, rows, cache, args);
  }
  return false;
}

}  // namespace hearth::cuda
