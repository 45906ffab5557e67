// A row of activations as matrices want it: normed, and rounded to eight bits where they are
// integers. The same functions run in a kernel of their own and at the beginning of a kernel that
// multiplies, so that a row has the same bits either way. Called by whole blocks of kRowThreads.
#pragma once

#include "hearth/backend/cuda/linear/matrix_view.h"
#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::cuda {

inline constexpr int kRowThreads = 256;

// Values 4 i .. 4 i + 3 of a row, zeros beyond its end.
__device__ __forceinline__ float4 quad_of(const float* row, int i, int columns) {
  if (columns % 4 == 0) return reinterpret_cast<const float4*>(row)[i];
  const int at = 4 * i;
  return {row[at], at + 1 < columns ? row[at + 1] : 0, at + 2 < columns ? row[at + 2] : 0,
          at + 3 < columns ? row[at + 3] : 0};
}
__device__ __forceinline__ void put_quad(const float4& v, float* row, int i, int columns) {
  if (columns % 4 == 0) {
    reinterpret_cast<float4*>(row)[i] = v;
    return;
  }
  const float values[4] = {v.x, v.y, v.z, v.w};
  for (int j = 0; j < 4 && 4 * i + j < columns; ++j) row[4 * i + j] = values[j];
}

// A thread's quads of a piece of a row, loaded together: one wait instead of one after the other.
inline constexpr int kQuadBatch = 4;
struct QuadBatch {
  float4 v[kQuadBatch];
  int first, count;  // the thread's first quad, quads of the row

  __device__ __forceinline__ QuadBatch(const float* row, int piece, int columns)
      : first(piece + static_cast<int>(threadIdx.x)), count((columns + 3) / 4) {
    HEARTH_UNROLL
    for (int j = 0; j < kQuadBatch; ++j) {
      v[j] = has(j) ? quad_of(row, at(j), columns) : float4{0, 0, 0, 0};
    }
  }
  __device__ __forceinline__ int at(int j) const { return first + j * kRowThreads; }
  __device__ __forceinline__ bool has(int j) const { return at(j) < count; }
};

// 1 / sqrt(mean of squares + eps) of a row, in all threads, in a fixed order. In double precision,
// as the other backends have it: where the normed row is rounded to eight bits next, a last bit of
// difference would become a step of 1 / 127.
__device__ __forceinline__ double inverse_root(const float* row, int columns, double eps,
                                               double* slots) {
  double sum = 0;
  const auto add = [&](float v) { sum = fma(static_cast<double>(v), static_cast<double>(v), sum); };
  for (int first = 0; first < (columns + 3) / 4; first += kQuadBatch * kRowThreads) {
    const QuadBatch quads(row, first, columns);
    HEARTH_UNROLL
    for (int j = 0; j < kQuadBatch; ++j) {
      if (!quads.has(j)) continue;
      add(quads.v[j].x);
      add(quads.v[j].y);
      add(quads.v[j].z);
      add(quads.v[j].w);
    }
  }
  for (int mask = simt::kWarp / 2; mask > 0; mask /= 2) sum += simt::shuffle_xor(sum, mask);
  if (simt::lane_index() == 0) slots[simt::warp_index()] = sum;
  simt::block_barrier();
  sum = 0;
  HEARTH_UNROLL
  for (int w = 0; w < kRowThreads / simt::kWarp; ++w) sum += slots[w];
  return 1.0 / sqrt(sum / columns + eps);
}

__device__ __forceinline__ float normed(float v, double inverse, float weight) {
  return static_cast<float>(v * inverse * weight);
}
__device__ __forceinline__ float4 normed(const float4& v, double inverse, const float4& weight) {
  return {normed(v.x, inverse, weight.x), normed(v.y, inverse, weight.y),
          normed(v.z, inverse, weight.z), normed(v.w, inverse, weight.w)};
}

// A block of 32 values, four in each of eight lanes, to eight bits: scale = max |x| / 127, codes to
// the nearest, ties to even. NaN or infinity makes a block NaN. All lanes of the warp take part;
// `live` ones store.
__device__ __forceinline__ void quantize_block(const float4& v, bool live, int8_t* codes,
                                               BlockScale* block) {
  // As bits, infinities and NaNs are larger than every float.
  constexpr uint32_t kSize = 0x7fffffffu, kInfinity = 0x7f800000u;
  const float values[4] = {v.x, v.y, v.z, v.w};
  uint32_t top_bits = 0;
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    const uint32_t size = simt::to_bits(values[i]) & kSize;
    top_bits = size > top_bits ? size : top_bits;
  }
  HEARTH_UNROLL
  for (int mask = 1; mask < 8; mask *= 2) {
    const uint32_t other = simt::shuffle_xor(top_bits, mask);
    top_bits = other > top_bits ? other : top_bits;
  }
  const bool bad = top_bits >= kInfinity;
  const float top = simt::from_bits(top_bits);
  // Below 2^-100 a block counts as zero: 127 / top would soon be no float any more.
  const float inverse = !bad && top > 7.888609e-31f ? 127.0f / top : 0.0f;
  uint32_t word = 0;
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int code = bad ? 0 : simt::round_to_int(values[i] * inverse);
    word |= (static_cast<uint32_t>(code) & 0xff) << (8 * i);
  }
  int sum = simt::dot4(word, 0x01010101u, 0);
  sum += simt::shuffle_xor(sum, 1);
  sum += simt::shuffle_xor(sum, 2);
  const int high = simt::shuffle_xor(sum, 4);
  if (!live) return;
  const int lane = simt::lane_index() % 8;
  reinterpret_cast<uint32_t*>(codes)[lane] = word;
  if (lane != 0) return;
  block->scale = bad ? simt::from_bits(0x7fc00000u) : top / 127.0f;
  block->low_sum = static_cast<int16_t>(sum);
  block->high_sum = static_cast<int16_t>(high);
}

// norm(row) to floats, where it isn't null, and rounded to codes and blocks; columns are whole
// blocks of 32. `slots` [kRowThreads / 32], shared.
__device__ __forceinline__ void quantize_row(const float* row, int columns, const NormView& norm,
                                             double* slots, float* floats, int8_t* codes,
                                             BlockScale* blocks) {
  const double inverse = norm.weight == nullptr ? 1.0 : inverse_root(row, columns, norm.eps, slots);
  for (int piece = 0; piece < columns / 4; piece += kQuadBatch * kRowThreads) {
    QuadBatch quads(row, piece, columns);
    if (norm.weight != nullptr) {
      const QuadBatch weights(norm.weight, piece, columns);
      HEARTH_UNROLL
      for (int j = 0; j < kQuadBatch; ++j) {
        quads.v[j] = normed(quads.v[j], inverse, weights.v[j]);
      }
    }
    HEARTH_UNROLL
    for (int j = 0; j < kQuadBatch; ++j) {
      if (piece + j * kRowThreads >= columns / 4) break;  // for all threads
      const int i = quads.at(j);
      if (quads.has(j) && floats != nullptr) put_quad(quads.v[j], floats, i, columns);
      quantize_block(quads.v[j], quads.has(j), codes + i / 8 * 32, blocks + i / 8);
    }
  }
}

// norm(row) to `out`, which may be the row.
__device__ __forceinline__ void norm_row(const float* row, int columns, const NormView& norm,
                                         double* slots, float* out) {
  const double inverse = inverse_root(row, columns, norm.eps, slots);
  for (int piece = 0; piece < (columns + 3) / 4; piece += kQuadBatch * kRowThreads) {
    const QuadBatch quads(row, piece, columns), weights(norm.weight, piece, columns);
    HEARTH_UNROLL
    for (int j = 0; j < kQuadBatch; ++j) {
      if (quads.has(j))
        put_quad(normed(quads.v[j], inverse, weights.v[j]), out, quads.at(j), columns);
    }
  }
}

}  // namespace hearth::cuda
