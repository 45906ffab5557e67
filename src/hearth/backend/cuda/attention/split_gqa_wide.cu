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

// The part of a row that is a block's: which heads, and which piece of the history.
struct Piece {
  int64_t index;  // among the generated rows
  int64_t row;    // in the batch
  int position;   // of the row
  int sequence;
  int split;
  int kv, head, heads;  // the heads from `head` on, which share the kv head

  __device__ __forceinline__ Piece(const SplitWork& work, const CacheView& cache, int all, int most)
      : index(blockIdx.x),
        row(work.generated_rows[blockIdx.x]),
        position(work.places[row].position),
        sequence(work.places[row].sequence),
        split(static_cast<int>(blockIdx.z)),
        kv(static_cast<int>(blockIdx.y) / work.groups) {
    const int group = all / cache.kv_heads;
    const int part = static_cast<int>(blockIdx.y) % work.groups * most;
    heads = group - part < most ? group - part : most;
    head = kv * group + part;
  }
};

// What the warp sees of its cache block: its keys, and how many slots hold something.
struct Seen {
  std::byte* keys;
  int slots;
};
template <int kDims>
__device__ __forceinline__ Seen seen_of(const CacheView& cache, const SplitWork& work,
                                        const Piece& piece) {
  const int block = piece.split * kWarps + simt::warp_index();
  const int left = piece.position + 1 - block * kSlots;
  if (left <= 0) return {cache.data, 0};
  const int64_t at = work.table[int64_t{piece.sequence} * work.table_width + block];
  return {cache.data + at * cache.block_bytes + piece.kv * (int64_t{kSlots} * kDims * 2),
          left < kSlots ? left : kSlots};
}

// Mixed values of the piece and its softmax, in the room.
template <CacheFormat F, int kDims, int kHeads>
__device__ __forceinline__ void attend_piece(const CacheView& cache, const Seen& seen, float scale,
                                             Room<kDims, kHeads>& room) {
  float2 s[kHeads] = {};
  if (seen.slots > 0) score_block<F, kDims, kHeads>(seen.keys, room.q, s);
  exponentials<kWarps, kHeads>(&room.p[0][0][0], room.top, room.sums, own_slot(), seen.slots, scale,
                               s);
  mix_block<F, kDims, kHeads>(seen.keys + cache.kv_heads * (int64_t{kSlots} * kDims * 2),
                              seen.slots, room);
  simt::block_barrier();
}

// Value e of [head][dim], of all warps.
template <int kDims, int kHeads>
__device__ __forceinline__ float mixed_of(const Room<kDims, kHeads>& room, int e) {
  float total = 0;
  HEARTH_UNROLL
  for (int w = 0; w < kWarps * kRowsAtOnce<kDims>; ++w) {
    total += (&room.mix[0][0][0][0])[w * kHeads * kDims + e];
  }
  return total;
}

template <int kDims, int kHeads>
__device__ __forceinline__ void write_partials(const Room<kDims, kHeads>& room, const Piece& piece,
                                               const Partials& partials) {
  const int64_t first = (piece.index * partials.heads + piece.head) * partials.splits + piece.split;
  for (int e = static_cast<int>(threadIdx.x); e < piece.heads * kDims; e += kThreads) {
    partials.mixed[(first + int64_t{e / kDims} * partials.splits) * kDims + e % kDims] =
        mixed_of(room, e);
  }
  write_tops<kWarps, kHeads>(room.top, room.sums, piece.heads, partials, first);
}

template <CacheFormat F, int kDims, int kHeads>
__global__ void __launch_bounds__(kThreads, 3)
    split_gqa_wide_kernel(CacheView cache, SplitGqa a, SplitWork work) {
  simt::wait_for_inputs();
  auto& room = *reinterpret_cast<Room<kDims, kHeads>*>(simt::shared_memory());
  const Piece piece(work, cache, a.partials.heads, kHeads);
  if (piece.split * kGqaSplitPositions > piece.position) return;
  const float* q = a.q + (piece.row * a.partials.heads + piece.head) * kDims;
  for (int e = static_cast<int>(threadIdx.x); e < kHeads * kDims; e += kThreads) {
    room.q[e / kDims][e % kDims] = e < piece.heads * kDims ? q[e] : 0;
  }
  simt::block_barrier();
  attend_piece<F, kDims, kHeads>(cache, seen_of<kDims>(cache, work, piece), a.scale, room);
  write_partials(room, piece, a.partials);
}

// The warp's keys and values, which earlier steps have written, on their way into the cache.
template <int kDims>
__device__ __forceinline__ void prefetch_history(const CacheView& cache, const Seen& seen) {
  constexpr int kBytes = kSlots * kDims * 2;
  constexpr int kLine = 128;
  if (seen.slots == 0) return;
  for (int at = simt::lane_index() * kLine; at < kBytes; at += simt::kWarp * kLine) {
    simt::prefetch(seen.keys + at);
    if (at < seen.slots * kDims * 2) {
      simt::prefetch(seen.keys + int64_t{cache.kv_heads} * kBytes + at);
    }
  }
}

// The angles of a position: cosines, then sines.
template <int kDims>
using Angles = float[2][kDims / 2];

template <int kDims>
__device__ __forceinline__ void make_angles(const RopeView& rope, int position,
                                            Angles<kDims>& angles) {
  const int i = static_cast<int>(threadIdx.x);
  if (i >= rope.dims / 2) return;
  const double angle = static_cast<double>(position) * rope.inv_freq[i];
  angles[0][i] = static_cast<float>(cos(angle) * rope.magnitude);
  angles[1][i] = static_cast<float>(sin(angle) * rope.magnitude);
}

// Dimension d of a head after rotation: with the bits of Rope::rotate.
template <int kDims>
__device__ __forceinline__ float rotated(const RopeView& rope, const Angles<kDims>& angles,
                                         const float* x, int d) {
  if (d >= rope.dims) return x[d];
  const int half = rope.dims / 2;
  const bool second = rope.interleaved ? d % 2 == 1 : d >= half;
  const int i = rope.interleaved ? d / 2 : d % half;
  const int gap = rope.interleaved ? 1 : half;
  const float c = angles[0][i];
  const float s = angles[1][i];
  return second ? sum(product(x[d], c), product(x[d - gap], s))
                : sum(product(x[d], c), -product(x[d + gap], s));
}

// The row's own key and value, into its slot of the cache. Blocks that share a kv head write the
// same, so that each may read what it wrote.
template <CacheFormat F, int kDims>
__device__ __forceinline__ void store_own(const CacheView& cache, const WholeGqa& a,
                                          const SplitWork& work, const Piece& piece,
                                          const Angles<kDims>& angles) {
  const int64_t at =
      work.table[int64_t{piece.sequence} * work.table_width + piece.position / kSlots];
  constexpr int kHead = kSlots * kDims;
  const int slot = piece.position % kSlots;
  auto* keys = reinterpret_cast<uint16_t*>(cache.data + at * cache.block_bytes) + piece.kv * kHead;
  uint16_t* values = keys + cache.kv_heads * kHead;
  const int64_t from = (piece.row * cache.kv_heads + piece.kv) * kDims;
  const auto encoded = [](float x) {
    return F == CacheFormat::bf16 ? simt::to_bf16(x) : simt::to_f16(x);
  };
  for (int d = static_cast<int>(threadIdx.x); d < kDims; d += kThreads) {
    keys[d * kSlots + slot] = encoded(rotated<kDims>(a.rope, angles, a.k + from, d));
    values[slot * kDims + d] = encoded(a.v[from + d]);
  }
}

// Of the blocks of a row's heads, the last to come here has true: all others have written.
__device__ __forceinline__ bool is_last(int32_t* ticket, int blocks) {
  __shared__ bool last;
  simt::memory_fence();
  simt::block_barrier();
  if (threadIdx.x == 0) {
    last = simt::atomic_add(ticket, 1) == blocks - 1;
    if (last) *ticket = 0;  // for the next layer
  }
  simt::block_barrier();
  simt::memory_fence();
  return last;
}

// What `combine` does, for the piece's heads.
template <int kDims>
__device__ __forceinline__ void combine_heads(const Piece& piece, const Partials& partials,
                                              int used, float* out) {
  for (int e = static_cast<int>(threadIdx.x); e < piece.heads * kDims; e += kThreads) {
    const int64_t first =
        (piece.index * partials.heads + piece.head + e / kDims) * int64_t{partials.splits};
    const float* tops = partials.top + first * 2;
    float top = simt::load_fresh(tops);
    for (int s = 1; s < used; ++s) top = fmaxf(top, simt::load_fresh(tops + 2 * s));
    float total = 0, mixed = 0;
    for (int s = 0; s < used; ++s) {
      const float share = expf(simt::load_fresh(tops + 2 * s) - top);
      total += simt::load_fresh(tops + 2 * s + 1) * share;
      mixed += simt::load_fresh(partials.mixed + (first + s) * kDims + e % kDims) * share;
    }
    out[e] = mixed / total;
  }
}

// The same where the piece is all there is.
template <int kDims, int kHeads>
__device__ __forceinline__ void write_alone(const Room<kDims, kHeads>& room, const Piece& piece,
                                            float* out) {
  for (int e = static_cast<int>(threadIdx.x); e < piece.heads * kDims; e += kThreads) {
    float total = 0;
    HEARTH_UNROLL
    for (int w = 0; w < kWarps; ++w) total += room.sums[w * kHeads + e / kDims];
    out[e] = mixed_of(room, e) / total;
  }
}

template <CacheFormat F, int kDims, int kHeads>
__global__ void __launch_bounds__(kThreads, 3)
    whole_gqa_kernel(CacheView cache, WholeGqa a, SplitWork work, int32_t* tickets) {
  __shared__ Angles<kDims> angles;
  const Partials& partials = a.split.partials;
  const Piece piece(work, cache, partials.heads, kHeads);
  const bool live = piece.split * kGqaSplitPositions <= piece.position;
  if (live) {
    prefetch_history<kDims>(cache, seen_of<kDims>(cache, work, piece));
    make_angles<kDims>(a.rope, piece.position, angles);
  }
  simt::wait_for_inputs();
  if (!live) return;
  auto& room = *reinterpret_cast<Room<kDims, kHeads>*>(simt::shared_memory());
  simt::block_barrier();
  const float* q = a.split.q + (piece.row * partials.heads + piece.head) * kDims;
  for (int e = static_cast<int>(threadIdx.x); e < kHeads * kDims; e += kThreads) {
    const int g = e / kDims;
    room.q[g][e % kDims] =
        g < piece.heads ? rotated<kDims>(a.rope, angles, q + g * kDims, e % kDims) : 0;
  }
  const int used = piece.position / kGqaSplitPositions + 1;
  if (piece.split == used - 1) store_own<F, kDims>(cache, a, work, piece, angles);
  simt::block_barrier();
  attend_piece<F, kDims, kHeads>(cache, seen_of<kDims>(cache, work, piece), a.split.scale, room);
  float* out = a.out + (piece.row * partials.heads + piece.head) * kDims;
  if (used == 1) return write_alone(room, piece, out);
  write_partials(room, piece, partials);
  if (!is_last(tickets + piece.index * kTickets + blockIdx.y, used)) return;
  combine_heads<kDims>(piece, partials, used, out);
}

struct Launch {
  Stream& stream;
  const StepRows& rows;
  const CacheView& cache;
  const SplitGqa& split;
  const WholeGqa* whole;  // null: the split alone
};

template <CacheFormat F, int kDims, int kHeads>
bool launch_wide(const Launch& l) {
  const StepRows& rows = l.rows;
  const CacheView& cache = l.cache;
  const int group = l.split.partials.heads / cache.kv_heads;
  const SplitWork work = {rows.places, rows.generated_rows, rows.block_table, rows.table_width,
                          (group + kHeads - 1) / kHeads};
  const Grid grid = {static_cast<unsigned>(rows.generated_count),
                     static_cast<unsigned>(cache.kv_heads * work.groups),
                     static_cast<unsigned>(l.split.partials.splits), kThreads,
                     sizeof(Room<kDims, kHeads>)};
  if (l.whole == nullptr) {
    launch(l.stream, grid, split_gqa_wide_kernel<F, kDims, kHeads>, cache, l.split, work);
    return true;
  }
  if (grid.y > kTickets) return false;
  launch(l.stream, grid, whole_gqa_kernel<F, kDims, kHeads>, cache, *l.whole, work, rows.tickets);
  return true;
}

// Few heads in a block where blocks would be too few for the device: they read keys and values
// again, but don't wait for each other. No head's bits depend on it.
int heads_of_block(const Launch& l) {
  const int group = l.split.partials.heads / l.cache.kv_heads;
  int heads = group == 1 ? 1 : group == 2 ? 2 : group <= 4 ? 4 : 8;
  const auto blocks = [&](int each) {
    return int64_t{l.rows.generated_count} * l.cache.kv_heads * ((group + each - 1) / each) *
           ((l.split.partials.splits + 1) / 2);
  };
  while (heads > 1 && blocks(heads / 2) <= l.stream.facts().processors) heads /= 2;
  return heads;
}

template <CacheFormat F, int kDims>
bool launch_for_group(const Launch& l) {
  switch (heads_of_block(l)) {
    case 1:
      return launch_wide<F, kDims, 1>(l);
    case 2:
      return launch_wide<F, kDims, 2>(l);
    case 4:
      return launch_wide<F, kDims, 4>(l);
    default:
      return launch_wide<F, kDims, 8>(l);
  }
}

bool launch_for_cache(const Launch& l) {
  const bool bf16 = l.cache.format == CacheFormat::bf16;
  if (!bf16 && l.cache.format != CacheFormat::f16) return false;
  if (l.cache.head_dim == 64) {
    return bf16 ? launch_for_group<CacheFormat::bf16, 64>(l)
                : launch_for_group<CacheFormat::f16, 64>(l);
  }
  if (l.cache.head_dim == 128) {
    return bf16 ? launch_for_group<CacheFormat::bf16, 128>(l)
                : launch_for_group<CacheFormat::f16, 128>(l);
  }
  return false;
}

}  // namespace

bool split_gqa_wide(Stream& stream, const StepRows& rows, const CacheView& cache,
                    const SplitGqa& args) {
  return launch_for_cache({stream, rows, cache, args, nullptr});
}

bool attend_gqa_whole(Stream& stream, const StepRows& rows, const CacheView& cache,
                      const WholeGqa& args) {
  if (rows.prompt_count > 0 || rows.generated_count == 0 || !rows.one_each) return false;
  if (rows.generated_end_max > kWholePositions) return false;
  return launch_for_cache({stream, rows, cache, args.split, &args});
}

}  // namespace hearth::cuda
