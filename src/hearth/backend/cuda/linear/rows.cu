// See rows.h.
#include "hearth/backend/cuda/linear/rows.h"

#include "hearth/backend/cuda/linear/decode_value.h"
#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kNormThreads = 1024;  // one block has the whole row: what counts is its latency
constexpr int kRowsMax = 65535;     // of a grid's second dimension

// Over the block, in a fixed order, the same in all threads.
__device__ __forceinline__ double block_sum(double v, double* slots) {
  for (int mask = simt::kWarp / 2; mask > 0; mask /= 2) v += simt::shuffle_xor(v, mask);
  if (simt::lane_index() == 0) slots[simt::warp_index()] = v;
  simt::block_barrier();
  v = slots[simt::lane_index()];
  for (int mask = simt::kWarp / 2; mask > 0; mask /= 2) v += simt::shuffle_xor(v, mask);
  return v;
}

// 1 / sqrt(mean of squares + eps) of a row, in all threads.
__device__ __forceinline__ double inverse_root(const float* from, int columns, double eps,
                                               double* slots) {
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += kNormThreads) {
    sum = fma(static_cast<double>(from[i]), static_cast<double>(from[i]), sum);
  }
  return 1.0 / sqrt(block_sum(sum, slots) / columns + eps);
}

// In double precision, as the other backends have it: where the normed row is rounded to eight bits
// next, a last bit of difference would become a step of 1 / 127.
__global__ void __launch_bounds__(kNormThreads)
    rms_norm_kernel(const float* x, int columns, int64_t stride, const float* weight, double eps,
                    float* out) {
  simt::wait_for_inputs();
  __shared__ double slots[kNormThreads / simt::kWarp];
  const float* from = x + int64_t{blockIdx.x} * stride;
  float* to = out + int64_t{blockIdx.x} * stride;
  const double inverse = inverse_root(from, columns, eps, slots);
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += kNormThreads) {
    to[i] = static_cast<float>(from[i] * inverse * weight[i]);
  }
}

__global__ void __launch_bounds__(kThreads) copy_kernel(const float* x, int columns, float* out) {
  simt::wait_for_inputs();
  const int64_t row = int64_t{blockIdx.x} * columns;
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += kThreads) out[row + i] = x[row + i];
}

// The values of a block of 32, one a lane, to eight bits.
__device__ __forceinline__ void quantize_block(float value, int8_t* codes, BlockScale* scale) {
  const int lane = simt::lane_index();
  // Infinities and NaNs: |x| <= largest finite fails for both.
  const float size = fabsf(value);
  const float bad = simt::warp_max(size <= 3.402823466e38f ? 0.0f : 1.0f);
  const float top = simt::warp_max(size);
  // Below 2^-100 a block counts as zero: 127 / top would soon be no float any more.
  const float inverse = top > 7.888609e-31f ? 127.0f / top : 0.0f;
  const int code = bad > 0 ? 0 : simt::round_to_int(value * inverse);
  codes[lane] = static_cast<int8_t>(code);
  int sum = code;
  for (int mask = 8; mask > 0; mask /= 2) sum += simt::shuffle_xor(sum, mask);
  const int high = simt::shuffle(sum, 16);
  if (lane == 0) {
    scale->scale = bad > 0 ? simt::from_bits(0x7fc00000u) : top / 127.0f;
    scale->low_sum = static_cast<int16_t>(sum);
    scale->high_sum = static_cast<int16_t>(high);
  }
}

// A warp has a block of 32.
__global__ void __launch_bounds__(kThreads)
    quantize_kernel(const float* x, int64_t blocks, int8_t* codes, BlockScale* scales) {
  simt::wait_for_inputs();
  const int64_t block = int64_t{blockIdx.x} * (kThreads / simt::kWarp) + simt::warp_index();
  if (block >= blocks) return;
  quantize_block(x[block * 32 + simt::lane_index()], codes + block * 32, scales + block);
}

// The norm and the rounding in one; columns are whole blocks of 32.
__global__ void __launch_bounds__(kNormThreads)
    norm_quantize_kernel(const float* x, int columns, const float* weight, double eps, float* out,
                         int8_t* codes, BlockScale* scales) {
  simt::wait_for_inputs();
  __shared__ double slots[kNormThreads / simt::kWarp];
  const int64_t at = int64_t{blockIdx.x} * columns;
  const double inverse = inverse_root(x + at, columns, eps, slots);
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += kNormThreads) {
    const float value = static_cast<float>(x[at + i] * inverse * weight[i]);
    out[at + i] = value;
    const int64_t block = (at + i) / 32;
    quantize_block(value, codes + block * 32, scales + block);
  }
}

__global__ void __launch_bounds__(kThreads)
    gather_kernel(const float* x, const int64_t* ids, int columns, float* out) {
  simt::wait_for_inputs();
  const float* from = x + ids[blockIdx.x] * columns;
  float* to = out + int64_t{blockIdx.x} * columns;
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += kThreads) to[i] = from[i];
}

__global__ void __launch_bounds__(kThreads)
    embed_kernel(const MatrixView table, const int32_t* ids, float* out) {
  simt::wait_for_inputs();
  float* to = out + int64_t{blockIdx.x} * table.columns;
  const int row = ids[blockIdx.x];
  for (int i = static_cast<int>(threadIdx.x); i < table.columns; i += kThreads) {
    to[i] = decode_value(table, row, i);
  }
}

__global__ void __launch_bounds__(kThreads)
    swiglu_kernel(float* gate, const float* up, int64_t count) {
  simt::wait_for_inputs();
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < count) gate[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}

__global__ void __launch_bounds__(kThreads)
    mix_kernel(const float* y, const float* weights, int per_token, int columns, float* x) {
  simt::wait_for_inputs();
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (i >= columns) return;
  const int64_t token = blockIdx.y;
  float sum = 0;
  for (int k = 0; k < per_token; ++k) {
    const int64_t pair = token * per_token + k;
    sum = fmaf(weights[pair], y[pair * columns + i], sum);
  }
  x[token * columns + i] += sum;
}

}  // namespace

void rms_norm(Stream& stream, const float* x, int64_t count, int32_t columns, int64_t stride,
              const float* weight, double eps, float* out) {
  if (count == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>(count);
  grid.threads = kThreads;
  if (weight == nullptr) return launch(stream, grid, copy_kernel, x, columns, out);
  grid.threads = kNormThreads;
  launch(stream, grid, rms_norm_kernel, x, columns, stride, weight, eps, out);
}

void quantize_rows(Stream& stream, const float* x, int32_t rows, int32_t columns, int8_t* codes,
                   BlockScale* blocks) {
  if (rows == 0) return;
  const int64_t count = int64_t{rows} * (columns / 32);
  constexpr int64_t kEach = kThreads / simt::kWarp;
  Grid grid;
  grid.x = static_cast<unsigned>((count + kEach - 1) / kEach);
  grid.threads = kThreads;
  launch(stream, grid, quantize_kernel, x, count, codes, blocks);
}

void norm_quantize_rows(Stream& stream, const float* x, int32_t rows, int32_t columns,
                        const float* weight, double eps, float* out, int8_t* codes,
                        BlockScale* blocks) {
  if (rows == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>(rows);
  grid.threads = kNormThreads;
  launch(stream, grid, norm_quantize_kernel, x, columns, weight, eps, out, codes, blocks);
}

void gather(Stream& stream, const float* x, const int64_t* ids, int32_t count, int32_t columns,
            float* out) {
  if (count == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>(count);
  grid.threads = kThreads;
  launch(stream, grid, gather_kernel, x, ids, columns, out);
}

void embed(Stream& stream, const MatrixView& table, const int32_t* ids, int32_t count, float* out) {
  if (count == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>(count);
  grid.threads = kThreads;
  launch(stream, grid, embed_kernel, table, ids, out);
}

void swiglu(Stream& stream, float* gate, const float* up, int64_t count) {
  if (count == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>((count + kThreads - 1) / kThreads);
  grid.threads = kThreads;
  launch(stream, grid, swiglu_kernel, gate, up, count);
}

void mix_experts(Stream& stream, const float* y, const float* weights, int32_t tokens,
                 int32_t per_token, int32_t columns, float* x) {
  for (int32_t first = 0; first < tokens; first += kRowsMax) {
    Grid grid;
    grid.x = static_cast<unsigned>((columns + kThreads - 1) / kThreads);
    grid.y = static_cast<unsigned>(tokens - first < kRowsMax ? tokens - first : kRowsMax);
    grid.threads = kThreads;
    const int64_t pairs = int64_t{first} * per_token;
    launch(stream, grid, mix_kernel, y + pairs * columns, weights + pairs, per_token, columns,
           x + int64_t{first} * columns);
  }
}

}  // namespace hearth::cuda
