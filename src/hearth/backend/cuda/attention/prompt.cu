// See prompt.h. A block of threads takes 64 query rows of one head over all key blocks in order,
// with a running softmax, each warp 16 rows (FlashAttention-2's partition) on tensor cores. More
// than 128 dimensions of values are the work of several blocks.
//
// Keys and values of 16 bits are copied as they are beside the work on what came before them, the
// keys of the next block during the values of this one; others are read where they lie.
//
// What a row computes for a key block depends on the row alone: blocks behind its position change
// no bit, as all their shares are zero.
#include "hearth/backend/cuda/attention/prompt.h"

#include "hearth/backend/cuda/attention/cache_elements.h"
#include "hearth/backend/cuda/attention/split_tf32.h"
#include "hearth/backend/cuda/simt/mma.h"

namespace hearth::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kRows = 64;
constexpr int kDepth = 32;              // dimensions of keys staged at a time
constexpr int kValueSlots = 32;         // slots of values staged at a time
constexpr int kKeyStride = kSlots + 8;  // strides that put a fragment's numbers on different banks
constexpr int kPad = 4;

struct Tile {
  int first_row;  // in the batch
  int rows;
  int start;  // position of the first row
  int end;    // of the sequence: cache slots behind it hold nothing
};

__device__ __forceinline__ float quad_max(float v) {
  v = fmaxf(v, simt::shuffle_xor(v, 2));
  return fmaxf(v, simt::shuffle_xor(v, 1));
}
__device__ __forceinline__ float quad_sum(float v) {
  v += simt::shuffle_xor(v, 2);
  return v + simt::shuffle_xor(v, 1);
}

__device__ int key_width(int dims) {
  return (dims + 7) / 8 * 8;
}

constexpr int kCopiedDims = 128;  // at most: what shared memory holds of every device

// Begins a copy of a head's keys or values of a block; 0 bytes: of nothing. They are there when no
// more than the copy begun after it is on its way, and after a barrier.
__device__ __forceinline__ void begin_copy(std::byte* to, const std::byte* from, int64_t bytes) {
  for (int at = static_cast<int>(threadIdx.x) * 16; at < bytes; at += kThreads * 16) {
    simt::copy_async(to + at, from + at, true);
  }
  simt::commit_copies();
}

// [row][key_width + kPad], zero where there is no row or dimension.
__device__ void stage_queries(const float* q, int64_t stride, int rows, int dims, float* staged) {
  const int width = key_width(dims);
  HEARTH_UNROLL_8
  for (int e = static_cast<int>(threadIdx.x); e < kRows * width; e += kThreads) {
    const int r = e / width;
    const int d = e % width;
    staged[r * (width + kPad) + d] = r < rows && d < dims ? q[r * stride + d] : 0;
  }
}

template <CacheFormat F>
__device__ void stage_keys(const std::byte* keys, int dims, int depth, int valid, float* staged) {
  HEARTH_UNROLL_8
  for (int e = static_cast<int>(threadIdx.x); e < kDepth * kSlots / 2; e += kThreads) {
    const int d = e / (kSlots / 2);
    const int slot = e % (kSlots / 2) * 2;
    float2 k = {0, 0};
    if (depth + d < dims && slot < valid) {
      k = key_pair<F>(keys, dims, depth + d, slot);
      if (slot + 1 >= valid) k.y = 0;
    }
    *reinterpret_cast<float2*>(staged + d * kKeyStride + slot) = k;
  }
}

// Dimensions from `begin` on.
template <CacheFormat F, int kWidth>
__device__ void stage_values(const std::byte* values, int dims, int begin, int first, int valid,
                             float* staged) {
  HEARTH_UNROLL_8
  for (int e = static_cast<int>(threadIdx.x); e < kValueSlots * kWidth / 2; e += kThreads) {
    const int slot = e / (kWidth / 2);
    const int d = e % (kWidth / 2) * 2;
    float2 v = {0, 0};
    if (first + slot < valid) v = row_pair<F>(values, dims, first + slot, begin + d);
    *reinterpret_cast<float2*>(staged + slot * (kWidth + kPad) + d) = v;
  }
}

// Scores of the warp's 16 rows with the 64 slots of a block, in 8 fragments.
template <CacheFormat F>
__device__ void score_block(const float* q, const std::byte* keys, int dims, int valid, bool needed,
                            float* staged, float (&s)[8][4]) {
  const int g = simt::lane_index() / 4;
  const int t = simt::lane_index() % 4;
  const int stride = key_width(dims) + kPad;
  q += (simt::warp_index() * 16 + g) * stride + t;
  for (int depth = 0; depth < dims; depth += kDepth) {
    simt::block_barrier();
    stage_keys<F>(keys, dims, depth, valid, staged);
    simt::block_barrier();
    if (!needed) continue;
    for (int d = 0; d < kDepth && depth + d < dims; d += 8) {
      const float* at = q + depth + d;
      const SplitLeft<false> a(at[0], at[8 * stride], at[4], at[8 * stride + 4]);
      const float* k = staged + (d + t) * kKeyStride + g;
      HEARTH_UNROLL
      for (int n = 0; n < 8; ++n) {
        multiply_split<kWhole<F>>(s[n], a, k[8 * n], k[8 * n + 4 * kKeyStride]);
      }
    }
  }
}

// Of the lane's two rows, g and g + 8.
struct Running {
  float top[2] = {-INFINITY, -INFINITY};
  float total[2] = {0, 0};
};

// Turns scores into shares of the running softmax, and shrinks what was mixed before.
template <int kFragments>
__device__ __forceinline__ void fold_in(float (&s)[8][4], int position, int first, float scale,
                                        Running& running, float (&acc)[kFragments][4]) {
  const int slot = first + 2 * (simt::lane_index() % 4);
  HEARTH_UNROLL
  for (int i = 0; i < 2; ++i) {
    float top = running.top[i];
    HEARTH_UNROLL
    for (int n = 0; n < 8; ++n) {
      HEARTH_UNROLL
      for (int j = 0; j < 2; ++j) {
        float& x = s[n][2 * i + j];
        x = slot + 8 * n + j <= position + 8 * i ? x * scale : -INFINITY;
        top = fmaxf(top, x);
      }
    }
    top = quad_max(top);
    float total = 0;
    HEARTH_UNROLL
    for (int n = 0; n < 8; ++n) {
      HEARTH_UNROLL
      for (int j = 0; j < 2; ++j) {
        s[n][2 * i + j] = expf(s[n][2 * i + j] - top);
        total += s[n][2 * i + j];
      }
    }
    const float shrink = expf(running.top[i] - top);
    running.total[i] = running.total[i] * shrink + quad_sum(total);
    running.top[i] = top;
    HEARTH_UNROLL
    for (int n = 0; n < kFragments; ++n) {
      acc[n][2 * i] *= shrink;
      acc[n][2 * i + 1] *= shrink;
    }
  }
}

// Scores are laid out as results, but go in as left factors: the order of the slots, free in a sum,
// is chosen so that a lane has what it needs: k = t is slot 2 t, k = t + 4 slot 2 t + 1.
template <CacheFormat F, int kFragments>
__device__ void mix_block(const float (&s)[8][4], const std::byte* values, int dims, int begin,
                          int valid, bool needed, float* staged, float (&acc)[kFragments][4]) {
  constexpr int kStride = kFragments * 8 + kPad;
  const float* v = staged + 2 * (simt::lane_index() % 4) * kStride + simt::lane_index() / 4;
  HEARTH_UNROLL
  for (int half = 0; half < kSlots / kValueSlots; ++half) {
    simt::block_barrier();
    stage_values<F, kFragments * 8>(values, dims, begin, half * kValueSlots, valid, staged);
    simt::block_barrier();
    if (!needed) continue;
    HEARTH_UNROLL
    for (int i = 0; i < kValueSlots / 8; ++i) {
      const float(&p)[4] = s[half * kValueSlots / 8 + i];
      const SplitLeft<false> a(p[0], p[2], p[1], p[3]);
      const float* at = v + i * 8 * kStride;
      HEARTH_UNROLL
      for (int n = 0; n < kFragments; ++n) {
        multiply_split<kWhole<F>>(acc[n], a, at[8 * n], at[8 * n + kStride]);
      }
    }
  }
}

template <int kFragments>
__device__ void write_out(const AttendPrompt& a, const Tile& tile, int head, int dims, int begin,
                          const Running& running, const float (&acc)[kFragments][4]) {
  const int t = simt::lane_index() % 4;
  HEARTH_UNROLL
  for (int i = 0; i < 2; ++i) {
    const int r = simt::warp_index() * 16 + simt::lane_index() / 4 + 8 * i;
    if (r >= tile.rows) continue;
    float* out = a.out + (tile.first_row + r) * a.out_stride + int64_t{head} * dims;
    HEARTH_UNROLL
    for (int n = 0; n < kFragments; ++n) {
      const int d = begin + 8 * n + 2 * t;
      if (d < dims) out[d] = acc[n][2 * i] / running.total[i];
      if (d + 1 < dims) out[d + 1] = acc[n][2 * i + 1] / running.total[i];
    }
  }
}

// Of keys or values staged as floats.
__host__ __device__ constexpr int staged_floats(int fragments) {
  const int keys = kDepth * kKeyStride, values = kValueSlots * (fragments * 8 + kPad);
  return keys > values ? keys : values;
}

template <CacheFormat F, int kFragments, bool kCopied>
__global__ void __launch_bounds__(kThreads, 2)
    attend_prompt_kernel(KeyBlocks blocks, AttendPrompt a) {
  simt::wait_for_inputs();
  const SequencePlace sequence = a.sequences[blockIdx.z];
  const int from = static_cast<int>(gridDim.y - 1 - blockIdx.y) * kRows;  // the longest first
  if (sequence.generated || from >= sequence.rows) return;
  const int left = sequence.rows - from;
  const Tile tile = {sequence.first_row + from, left < kRows ? left : kRows, sequence.start + from,
                     sequence.start + sequence.rows};
  const int slices = (blocks.value_dims + kFragments * 8 - 1) / (kFragments * 8);
  const int head = static_cast<int>(blockIdx.x) / slices;
  const int begin = static_cast<int>(blockIdx.x) % slices * kFragments * 8;
  const int kv = head / (a.heads / blocks.heads);
  auto* q = reinterpret_cast<float*>(simt::shared_memory());
  float* staged = q + kRows * (key_width(blocks.key_dims) + kPad);
  stage_queries(a.q + tile.first_row * a.q_stride + int64_t{head} * blocks.key_dims, a.q_stride,
                tile.rows, blocks.key_dims, q);
  const int64_t key_bytes = head_bytes<F>(blocks.key_dims);
  const int64_t value_bytes = head_bytes<F>(blocks.value_dims);
  const int warp_start = tile.start + simt::warp_index() * 16;
  const auto block_at = [&](int first) {
    const int64_t b = first / kSlots;
    const int64_t at =
        blocks.block_table ? blocks.block_table[blockIdx.z * int64_t{blocks.table_width} + b] : b;
    return blocks.data + at * blocks.block_bytes;
  };
  const int64_t keys_at = kv * key_bytes;
  const int64_t values_at = blocks.heads * key_bytes + kv * value_bytes;
  auto* const copied_keys = reinterpret_cast<std::byte*>(staged + staged_floats(kFragments));
  std::byte* const copied_values = copied_keys + key_bytes;
  if constexpr (kCopied) {
    begin_copy(copied_keys, block_at(0) + keys_at, key_bytes);
    begin_copy(copied_values, block_at(0) + values_at, value_bytes);
  }
  Running running;
  float acc[kFragments][4] = {};
  const int end = tile.start + tile.rows;
  for (int first = 0; first < end; first += kSlots) {
    const int valid = tile.end - first < kSlots ? tile.end - first : kSlots;
    const bool needed = first < warp_start + 16;  // by a row of this warp
    const bool more = first + kSlots < end;
    const std::byte* keys = copied_keys;
    const std::byte* values = copied_values;
    if constexpr (kCopied) {
      simt::wait_copies_but_one();
    } else {
      keys = block_at(first) + keys_at;
      values = block_at(first) + values_at;
    }
    float s[8][4] = {};
    score_block<F>(q, keys, blocks.key_dims, valid, needed, staged, s);
    if constexpr (kCopied) {
      const std::byte* from = more ? block_at(first + kSlots) + keys_at : nullptr;
      begin_copy(copied_keys, from, more ? key_bytes : 0);
    }
    if (needed) {
      fold_in(s, warp_start + simt::lane_index() / 4, first, a.scale, running, acc);
    }
    if constexpr (kCopied) simt::wait_copies_but_one();
    mix_block<F>(s, values, blocks.value_dims, begin, valid, needed, staged, acc);
    if constexpr (kCopied) {
      const std::byte* from = more ? block_at(first + kSlots) + values_at : nullptr;
      begin_copy(copied_values, from, more ? value_bytes : 0);
    }
  }
  write_out(a, tile, head, blocks.value_dims, begin, running, acc);
}

template <CacheFormat F, int kFragments, bool kCopied>
void launch_prompt(Stream& stream, const KeyBlocks& blocks, const AttendPrompt& args) {
  const int q_width = (blocks.key_dims + 7) / 8 * 8 + kPad;
  const auto floats = static_cast<size_t>(kRows * q_width + staged_floats(kFragments));
  const size_t copied =
      kCopied
          ? static_cast<size_t>(head_bytes<F>(blocks.key_dims) + head_bytes<F>(blocks.value_dims))
          : 0;
  const int slices = (blocks.value_dims + kFragments * 8 - 1) / (kFragments * 8);
  const Grid grid = {static_cast<unsigned>(args.heads * slices),
                     static_cast<unsigned>((args.rows_max + kRows - 1) / kRows),
                     static_cast<unsigned>(args.sequence_count), kThreads,
                     sizeof(float) * floats + copied};
  launch(stream, grid, attend_prompt_kernel<F, kFragments, kCopied>, blocks, args);
}

}  // namespace

void attend_prompt(Stream& stream, const KeyBlocks& blocks, const AttendPrompt& args) {
  if (args.rows_max == 0 || args.sequence_count == 0) return;
  with_cache_format(blocks.format, [&]<CacheFormat F>() {
    const auto launch_as = [&]<bool kCopied>() {
      if (blocks.value_dims <= 64) return launch_prompt<F, 8, kCopied>(stream, blocks, args);
      launch_prompt<F, 16, kCopied>(stream, blocks, args);
    };
    if constexpr (kWhole<F>) {
      if (blocks.key_dims <= kCopiedDims && blocks.value_dims <= kCopiedDims) {
        return launch_as.template operator()<true>();
      }
    }
    launch_as.template operator()<false>();
  });
}

}  // namespace hearth::cuda
