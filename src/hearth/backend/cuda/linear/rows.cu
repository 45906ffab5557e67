// See rows.h.
#include "hearth/backend/cuda/linear/rows.h"

#include "hearth/backend/cuda/linear/decode_value.h"
#include "hearth/backend/cuda/linear/finish.h"
#include "hearth/backend/cuda/linear/row_input.h"
#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kRowsMax = 65535;  // of a grid's second dimension

__global__ void __launch_bounds__(kRowThreads)
    rms_norm_kernel(const float* x, int columns, int64_t stride, NormView norm, float* out) {
  simt::wait_for_inputs();
  __shared__ double slots[kRowThreads / simt::kWarp];
  const int64_t at = int64_t{blockIdx.x} * stride;
  norm_row(x + at, columns, norm, slots, out + at);
}

__global__ void __launch_bounds__(kRowThreads)
    quantize_kernel(const float* x, int columns, NormView norm, float* out, int8_t* codes,
                    BlockScale* blocks) {
  simt::wait_for_inputs();
  __shared__ double slots[kRowThreads / simt::kWarp];
  const int64_t at = int64_t{blockIdx.x} * columns;
  quantize_row(x + at, columns, norm, slots, out == nullptr ? nullptr : out + at, codes + at,
               blocks + at / 32);
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
  if (i < count) gate[i] = silu(gate[i]) * up[i];
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
              const NormView& norm, float* out) {
  if (count == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>(count);
  grid.threads = kRowThreads;
  launch(stream, grid, rms_norm_kernel, x, columns, stride, norm, out);
}

void quantize_rows(Stream& stream, const float* x, int32_t rows, int32_t columns,
                   const NormView& norm, float* out, int8_t* codes, BlockScale* blocks) {
  if (rows == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>(rows);
  grid.threads = kRowThreads;
  launch(stream, grid, quantize_kernel, x, columns, norm, out, codes, blocks);
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
