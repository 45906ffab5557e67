// Reading blocks of the KV cache in kernels, for every format: see kv_cache.h for the layout.
#pragma once

#include "hearth/backend/cuda/attention/cache_view.h"
#include "hearth/backend/cuda/simt/simt.h"

// Loads that have to be in flight together; the loop's end is not known when it is compiled.
#if defined(__CUDACC__)
#define HEARTH_UNROLL_4 _Pragma("unroll 4")
#define HEARTH_UNROLL_8 _Pragma("unroll 8")
#else
#define HEARTH_UNROLL_4
#define HEARTH_UNROLL_8
#endif

namespace hearth::cuda {

inline constexpr int kQ8Values = 32;  // of a scale
inline constexpr int kQ8GroupSlots = 16;
inline constexpr int kQ8GroupBytes = kQ8GroupSlots * (kQ8Values + 2);

// Products and sums that must not become one fused operation: the CPU's bits are wanted.
__device__ __forceinline__ float product(float a, float b) {
#if defined(__CUDACC__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
__device__ __forceinline__ float sum(float a, float b) {
#if defined(__CUDACC__)
  return __fadd_rn(a, b);
#else
  return a + b;
#endif
}

template <CacheFormat F>
__host__ __device__ __forceinline__ int64_t head_bytes(int dims) {
  if (F == CacheFormat::q8_0) return int64_t{kSlots} * (dims / kQ8Values) * (kQ8Values + 2);
  return int64_t{kSlots} * dims * (F == CacheFormat::f32 ? 4 : 2);
}

__device__ __forceinline__ uint32_t load32(const std::byte* p) {
  return *reinterpret_cast<const uint32_t*>(p);
}
__device__ __forceinline__ uint16_t load16(const std::byte* p) {
  return *reinterpret_cast<const uint16_t*>(p);
}
__device__ __forceinline__ float signed_byte(uint32_t word, int index) {
  return static_cast<float>(static_cast<int8_t>(word >> (8 * index) & 0xff));
}

// Floats `index` and `index + 1`, index even.
template <CacheFormat F>
__device__ __forceinline__ float2 float_pair(const std::byte* base, int64_t index) {
  if (F == CacheFormat::f32) return *reinterpret_cast<const float2*>(base + index * 4);
  const uint32_t both = load32(base + index * 2);
  if (F == CacheFormat::bf16) {
    return {simt::from_bits(both << 16), simt::from_bits(both & 0xffff0000u)};
  }
  return {simt::from_f16(static_cast<uint16_t>(both & 0xffff)),
          simt::from_f16(static_cast<uint16_t>(both >> 16))};
}
template <CacheFormat F>
__device__ __forceinline__ float one_float(const std::byte* base, int64_t index) {
  if (F == CacheFormat::f32) return *reinterpret_cast<const float*>(base + index * 4);
  const uint16_t bits = load16(base + index * 2);
  return F == CacheFormat::bf16 ? simt::from_bf16(bits) : simt::from_f16(bits);
}

inline constexpr int kWide = 8;  // numbers of f16 or bf16 in 16 bytes

template <CacheFormat F>
__device__ __forceinline__ void unpack(const uint4& bits, float (&out)[kWide]) {
  const uint32_t words[4] = {bits.x, bits.y, bits.z, bits.w};
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    const auto low = static_cast<uint16_t>(words[i] & 0xffff);
    const auto high = static_cast<uint16_t>(words[i] >> 16);
    out[2 * i] = F == CacheFormat::bf16 ? simt::from_bf16(low) : simt::from_f16(low);
    out[2 * i + 1] = F == CacheFormat::bf16 ? simt::from_bf16(high) : simt::from_f16(high);
  }
}

// Where a q8_0 key of dimension d starts: the quad that holds it, and its scale.
__device__ __forceinline__ const std::byte* q8_group(const std::byte* keys, int dims, int d,
                                                     int slot) {
  return keys +
         (slot / kQ8GroupSlots * (dims / kQ8Values) + d / kQ8Values) * int64_t{kQ8GroupBytes};
}

// Dimension d of the keys of slots `slot` and `slot + 1`, slot even.
template <CacheFormat F>
__device__ __forceinline__ float2 key_pair(const std::byte* keys, int dims, int d, int slot) {
  if (F != CacheFormat::q8_0) return float_pair<F>(keys, int64_t{d} * kSlots + slot);
  const std::byte* group = q8_group(keys, dims, d, slot);
  const int lane = slot % kQ8GroupSlots;
  const std::byte* quad = group + d / 4 % 8 * 64 + lane * 4;
  const float2 scale = float_pair<CacheFormat::f16>(group + kQ8GroupSlots * kQ8Values, lane);
  return {signed_byte(load32(quad), d % 4) * scale.x,
          signed_byte(load32(quad + 4), d % 4) * scale.y};
}

// Dimensions d .. d + 3 of the same, d a multiple of 4; zero behind the last.
template <CacheFormat F>
__device__ __forceinline__ void key_quad(const std::byte* keys, int dims, int d, int slot,
                                         float2* out) {
  if constexpr (F == CacheFormat::q8_0) {
    const std::byte* group = q8_group(keys, dims, d, slot);
    const int lane = slot % kQ8GroupSlots;
    const auto both = *reinterpret_cast<const uint2*>(group + d / 4 % 8 * 64 + lane * 4);
    const float2 scale = float_pair<CacheFormat::f16>(group + kQ8GroupSlots * kQ8Values, lane);
    HEARTH_UNROLL
    for (int j = 0; j < 4; ++j) {
      out[j] = {signed_byte(both.x, j) * scale.x, signed_byte(both.y, j) * scale.y};
    }
  } else {
    HEARTH_UNROLL
    for (int j = 0; j < 4; ++j) {
      out[j] = d + j < dims ? float_pair<F>(keys, int64_t{d + j} * kSlots + slot) : float2{0, 0};
    }
  }
}

// Values d and d + 1 of a slot, d even, in rows of `dims` values: GQA's values of a head.
template <CacheFormat F>
__device__ __forceinline__ float2 value_pair(const std::byte* values, int dims, int slot, int d) {
  if (F != CacheFormat::q8_0) return float_pair<F>(values, int64_t{slot} * dims + d);
  const uint16_t both = load16(values + slot * dims + d);
  const float scale =
      simt::from_f16(load16(values + int64_t{kSlots} * dims + (d / kQ8Values * kSlots + slot) * 2));
  return {signed_byte(both, 0) * scale, signed_byte(both, 1) * scale};
}

// The same for rows that may be of odd length, as latents are; 0 behind the last value.
template <CacheFormat F>
__device__ __forceinline__ float2 row_pair(const std::byte* rows, int dims, int slot, int d) {
  if (F == CacheFormat::q8_0 || dims % 2 == 0) {
    return d < dims ? value_pair<F>(rows, dims, slot, d) : float2{0, 0};
  }
  const int64_t at = int64_t{slot} * dims + d;
  constexpr CacheFormat kFloats = F == CacheFormat::q8_0 ? CacheFormat::f32 : F;
  return {d < dims ? one_float<kFloats>(rows, at) : 0,
          d + 1 < dims ? one_float<kFloats>(rows, at + 1) : 0};
}

// Calls f(format as a constant) for a format known when the program runs.
template <typename Fn>
void with_cache_format(CacheFormat format, const Fn& f) {
  switch (format) {
    case CacheFormat::f32:
      return f.template operator()<CacheFormat::f32>();
    case CacheFormat::f16:
      return f.template operator()<CacheFormat::f16>();
    case CacheFormat::bf16:
      return f.template operator()<CacheFormat::bf16>();
    case CacheFormat::q8_0:
      return f.template operator()<CacheFormat::q8_0>();
  }
}

}  // namespace hearth::cuda
