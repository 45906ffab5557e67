// See prompt.h. A block of threads takes 32 query rows of one head over all key blocks in order,
// with a running softmax. A thread takes 2 rows and 4 slots of the scores, then the same 2 rows and
// every 16th dimension of the output; the 16 threads of a pair of rows are half a warp.
//
// What a row computes for a key block depends on the row alone: blocks behind its position change
// no bit, as all their shares are zero.
#include "hearth/backend/cuda/attention/prompt.h"

#include "hearth/backend/cuda/attention/cache_elements.h"

namespace hearth::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = 32;
constexpr int kDepth = 32;       // dimensions of keys staged at a time
constexpr int kValueSlots = 16;  // slots of values staged at a time
constexpr int kShareStride = kSlots + 1;

struct Tile {
  int first_row;  // in the batch
  int rows;
  int start;  // position of the first row
  int end;    // of the sequence: cache slots behind it hold nothing
};

struct alignas(16) Shared {
  float staged[kValueSlots * 256];  // keys [kDepth][kSlots] or values
  float q[kRows][kDepth + 1];
  float share[kRows][kShareStride];
};

__device__ __forceinline__ float half_warp_max(float v) {
  for (int mask = 8; mask > 0; mask /= 2) v = fmaxf(v, simt::shuffle_xor(v, mask));
  return v;
}
__device__ __forceinline__ float half_warp_sum(float v) {
  for (int mask = 8; mask > 0; mask /= 2) v += simt::shuffle_xor(v, mask);
  return v;
}

template <CacheFormat F>
__device__ void stage_keys(const std::byte* keys, int dims, int depth, int valid, float* staged) {
  for (int e = static_cast<int>(threadIdx.x); e < kDepth * kSlots / 2; e += kThreads) {
    const int d = e / (kSlots / 2);
    const int slot = e % (kSlots / 2) * 2;
    float2 k = {0, 0};
    if (depth + d < dims && slot < valid) {
      k = key_pair<F>(keys, dims, depth + d, slot);
      if (slot + 1 >= valid) k.y = 0;
    }
    *reinterpret_cast<float2*>(staged + d * kSlots + slot) = k;
  }
}

template <CacheFormat F>
__device__ void stage_values(const std::byte* values, int dims, int width, int first, int valid,
                             float* staged) {
  for (int e = static_cast<int>(threadIdx.x); e < kValueSlots * width / 2; e += kThreads) {
    const int slot = first + e / (width / 2);
    const int d = e % (width / 2) * 2;
    float2 v = {0, 0};
    if (d < dims && slot < valid) v = value_pair<F>(values, dims, slot, d);
    *reinterpret_cast<float2*>(staged + (slot - first) * width + d) = v;
  }
}

__device__ void stage_queries(const AttendPrompt& a, const float* q, const Tile& tile, int dims,
                              int depth, Shared& shared) {
  for (int e = static_cast<int>(threadIdx.x); e < kRows * kDepth; e += kThreads) {
    const int r = e / kDepth;
    const int d = depth + e % kDepth;
    shared.q[r][e % kDepth] = r < tile.rows && d < dims ? q[r * a.q_stride + d] : 0;
  }
}

// Scores of the thread's 2 rows and 4 slots.
template <CacheFormat F>
__device__ void score_block(const AttendPrompt& a, const float* q, const Tile& tile,
                            const std::byte* keys, int dims, int valid, Shared& shared,
                            float (&s)[2][4]) {
  const int r = static_cast<int>(threadIdx.x) / 16 * 2;
  const int c = static_cast<int>(threadIdx.x) % 16 * 4;
  for (int depth = 0; depth < dims; depth += kDepth) {
    simt::block_barrier();
    stage_keys<F>(keys, dims, depth, valid, shared.staged);
    stage_queries(a, q, tile, dims, depth, shared);
    simt::block_barrier();
    HEARTH_UNROLL_8
    for (int d = 0; d < kDepth; ++d) {
      const float4 k = *reinterpret_cast<const float4*>(shared.staged + d * kSlots + c);
      HEARTH_UNROLL
      for (int i = 0; i < 2; ++i) {
        const float x = shared.q[r + i][d];
        s[i][0] += x * k.x;
        s[i][1] += x * k.y;
        s[i][2] += x * k.z;
        s[i][3] += x * k.w;
      }
    }
  }
}

struct Running {
  float top = -INFINITY;
  float total = 0;
};

// Turns scores into shares of the running softmax; returns by what the older sum shrinks.
__device__ float fold_in(float (&s)[4], int c, int position, int first, float scale, float* share,
                         Running& running) {
  float top = running.top;
  for (int j = 0; j < 4; ++j) {
    s[j] = first + c + j <= position ? s[j] * scale : -INFINITY;
    top = fmaxf(top, s[j]);
  }
  top = half_warp_max(top);
  float total = 0;
  for (int j = 0; j < 4; ++j) {
    s[j] = expf(s[j] - top);
    share[c + j] = s[j];
    total += s[j];
  }
  const float shrink = expf(running.top - top);
  running.total = running.total * shrink + half_warp_sum(total);
  running.top = top;
  return shrink;
}

template <CacheFormat F, int kWide>
__device__ void mix_block(const std::byte* values, int dims, int valid, Shared& shared,
                          float (&acc)[2][kWide]) {
  const int r = static_cast<int>(threadIdx.x) / 16 * 2;
  const int c = static_cast<int>(threadIdx.x) % 16;
  for (int first = 0; first < valid; first += kValueSlots) {
    simt::block_barrier();
    stage_values<F>(values, dims, kWide * 16, first, valid, shared.staged);
    simt::block_barrier();
    for (int slot = 0; slot < kValueSlots; ++slot) {
      const float p0 = shared.share[r][first + slot];
      const float p1 = shared.share[r + 1][first + slot];
      HEARTH_UNROLL
      for (int j = 0; j < kWide; ++j) {
        const float v = shared.staged[slot * kWide * 16 + c + 16 * j];
        acc[0][j] += p0 * v;
        acc[1][j] += p1 * v;
      }
    }
  }
}

template <CacheFormat F, int kWide>
__global__ void __launch_bounds__(kThreads, 2)
attend_prompt_kernel(KeyBlocks blocks, AttendPrompt a) {
  const SequencePlace sequence = a.sequences[blockIdx.z];
  const int from = static_cast<int>(blockIdx.x) * kRows;
  if (sequence.generated || from >= sequence.rows) return;
  const int left = sequence.rows - from;
  const Tile tile = {sequence.first_row + from, left < kRows ? left : kRows,
                     sequence.start + from, sequence.start + sequence.rows};
  const int head = static_cast<int>(blockIdx.y);
  const int kv = head / (a.heads / blocks.heads);
  __shared__ Shared shared;
  const int r = static_cast<int>(threadIdx.x) / 16 * 2;
  const int c = static_cast<int>(threadIdx.x) % 16;
  const float* q = a.q + tile.first_row * a.q_stride + int64_t{head} * blocks.key_dims;
  const int64_t key_bytes = head_bytes<F>(blocks.key_dims);
  const int64_t value_bytes = head_bytes<F>(blocks.value_dims);
  Running running[2];
  float acc[2][kWide] = {};
  for (int first = 0; first < tile.start + tile.rows; first += kSlots) {
    const int64_t b = first / kSlots;
    const int64_t at =
        blocks.block_table ? blocks.block_table[blockIdx.z * blocks.table_width + b] : b;
    const std::byte* block = blocks.data + at * blocks.block_bytes;
    const int valid = tile.end - first < kSlots ? tile.end - first : kSlots;
    float s[2][4] = {};
    score_block<F>(a, q, tile, block + kv * key_bytes, blocks.key_dims, valid, shared, s);
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) {
      const float shrink = fold_in(s[i], c * 4, tile.start + r + i, first, a.scale,
                                   shared.share[r + i], running[i]);
      for (int j = 0; j < kWide; ++j) acc[i][j] *= shrink;
    }
    mix_block<F, kWide>(block + blocks.heads * key_bytes + kv * value_bytes, blocks.value_dims,
                        valid, shared, acc);
  }
  HEARTH_UNROLL
  for (int i = 0; i < 2; ++i) {
    if (r + i >= tile.rows) continue;
    float* out = a.out + (tile.first_row + r + i) * a.out_stride +
                 int64_t{head} * blocks.value_dims;
    HEARTH_UNROLL
    for (int j = 0; j < kWide; ++j) {
      if (c + 16 * j < blocks.value_dims) out[c + 16 * j] = acc[i][j] / running[i].total;
    }
  }
}

}  // namespace

void attend_prompt(Stream& stream, const KeyBlocks& blocks, const AttendPrompt& args) {
  if (args.rows_max == 0 || args.sequence_count == 0) return;
  const Grid grid = {static_cast<unsigned>((args.rows_max + kRows - 1) / kRows),
                     static_cast<unsigned>(args.heads),
                     static_cast<unsigned>(args.sequence_count), kThreads};
  with_cache_format(blocks.format, [&]<CacheFormat F>() {
    if (blocks.value_dims <= 64) {
      return launch(stream, grid, attend_prompt_kernel<F, 4>, blocks, args);
    }
    if (blocks.value_dims <= 128) {
      return launch(stream, grid, attend_prompt_kernel<F, 8>, blocks, args);
    }
    launch(stream, grid, attend_prompt_kernel<F, 16>, blocks, args);
  });
}

}  // namespace hearth::cuda
