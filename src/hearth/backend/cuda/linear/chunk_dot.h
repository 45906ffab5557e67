// A chunk of 16 bytes of a weight row: loading it, and adding its products with an activation row
// to a sum. One Reader for each storage; every kernel that multiplies few rows is built on them.
#pragma once

#include "hearth/backend/cuda/linear/matrix_view.h"
#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::cuda {

__device__ __forceinline__ uint4 load_chunk(const MatrixView& w, int row, int chunk) {
  return simt::load_once(reinterpret_cast<const uint4*>(w.codes) + int64_t{row} * w.chunks + chunk);
}
__device__ __forceinline__ uint32_t word_of(const uint4& v, int i) {
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

// Of float storages: the values of the chunk.
template <Storage S>
__device__ __forceinline__ void decode_floats(const uint4& raw, float* out) {
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    const uint32_t word = word_of(raw, i);
    if constexpr (S == Storage::f32) {
      out[i] = simt::from_bits(word);
    } else if constexpr (S == Storage::f16) {
      out[2 * i] = simt::from_f16(static_cast<uint16_t>(word & 0xffff));
      out[2 * i + 1] = simt::from_f16(static_cast<uint16_t>(word >> 16));
    } else if constexpr (S == Storage::bf16) {
      out[2 * i] = simt::from_bits(word << 16);
      out[2 * i + 1] = simt::from_bits(word & 0xffff0000u);
    } else {
      HEARTH_UNROLL
      for (int j = 0; j < 4; ++j) {
        out[4 * i + j] = simt::from_f8_e4m3(static_cast<uint8_t>(word >> (8 * j) & 0xff));
      }
    }
  }
}

template <Storage S>
struct FloatReader {
  static constexpr int kValues = chunk_values(S);
  struct Loaded {
    uint4 raw;
    float scale;
  };

  static __device__ __forceinline__ Loaded load(const MatrixView& w, int row, int chunk) {
    Loaded v{load_chunk(w, row, chunk), 1.0f};
    if constexpr (S == Storage::f8) {
      v.scale = static_cast<const float*>(
          w.scales)[int64_t{row / 128} * w.scale_columns + chunk * kValues / 128];
    }
    return v;
  }

  static __device__ __forceinline__ void add(const Loaded& v, const MatrixView& w,
                                             const RowsView& x, int row, int chunk, float& sum) {
    float weights[kValues];
    decode_floats<S>(v.raw, weights);
    const float* from = x.floats + int64_t{row} * x.columns + chunk * kValues;
    float part = S == Storage::f8 ? 0.0f : sum;
    if (x.columns % kValues == 0) {
      HEARTH_UNROLL
      for (int i = 0; i < kValues; i += 4) {
        const float4 a = *reinterpret_cast<const float4*>(from + i);
        part = fmaf(weights[i], a.x, part);
        part = fmaf(weights[i + 1], a.y, part);
        part = fmaf(weights[i + 2], a.z, part);
        part = fmaf(weights[i + 3], a.w, part);
      }
    } else {
      HEARTH_UNROLL
      for (int i = 0; i < kValues; ++i) {
        if (chunk * kValues + i < w.columns) part = fmaf(weights[i], from[i], part);
      }
    }
    sum = S == Storage::f8 ? fmaf(v.scale, part, sum) : part;
  }
};

// Six-bit scale and min of group g of a q4_k block (drawn in formats/q4_k/q4_k.h).
struct GroupFactors {
  float scale, min;
};
__device__ __forceinline__ GroupFactors q4_k_group(const uint4& s, int g) {
  const float d = simt::from_f16(static_cast<uint16_t>(s.x & 0xffff));
  const float dmin = simt::from_f16(static_cast<uint16_t>(s.x >> 16));
  const int shift = 8 * (g % 4);
  uint32_t scale, min;
  if (g < 4) {
    scale = s.y >> shift & 63;
    min = s.z >> shift & 63;
  } else {
    scale = (s.w >> shift & 15) | (s.y >> (shift + 6) & 3) << 4;
    min = (s.w >> (shift + 4) & 15) | (s.z >> (shift + 6) & 3) << 4;
  }
  return {d * static_cast<float>(scale), -(dmin * static_cast<float>(min))};
}

template <Storage S>
struct IntegerReader {
  static constexpr int kValues = chunk_values(S);
  struct Loaded {
    uint4 raw;
    float scale, min;
  };

  static __device__ __forceinline__ Loaded load(const MatrixView& w, int row, int chunk) {
    Loaded v{load_chunk(w, row, chunk), 0.0f, 0.0f};
    if constexpr (S == Storage::codes8) {
      const int64_t at = int64_t{row} * w.scale_columns + chunk * kValues / w.group;
      v.scale = static_cast<const float*>(w.scales)[at];
      if (w.mins != nullptr) v.min = w.mins[at];
    } else if constexpr (S == Storage::q4_k) {
      const auto* blocks = static_cast<const uint4*>(w.scales);
      const uint4 block = blocks[int64_t{row} * w.scale_columns + chunk / 8];
      const GroupFactors f = q4_k_group(block, chunk % 8);
      v.scale = f.scale;
      v.min = f.min;
    } else {
      v.scale = simt::from_f16(static_cast<const uint16_t*>(
          w.scales)[int64_t{row} * w.scale_columns + chunk * kValues / 32]);
      if constexpr (S == Storage::q4_0) v.min = -8.0f * v.scale;
    }
    return v;
  }

  static __device__ __forceinline__ void add(const Loaded& v, const MatrixView& w,
                                             const RowsView& x, int row, int chunk, float& sum) {
    const int block = chunk * kValues / 32;
    const BlockScale b = x.blocks[int64_t{row} * (x.columns / 32) + block];
    const auto* codes =
        reinterpret_cast<const uint4*>(x.codes + int64_t{row} * x.columns + chunk * kValues);
    const uint4 low = codes[0];
    int products = 0;
    int sums;
    if constexpr (kValues == 16) {
      HEARTH_UNROLL
      for (int i = 0; i < 4; ++i) {
        products = simt::dot4(word_of(v.raw, i), word_of(low, i), products);
      }
      sums = chunk % 2 == 0 ? b.low_sum : b.high_sum;
    } else {
      const uint4 high = codes[1];
      HEARTH_UNROLL
      for (int i = 0; i < 4; ++i) {
        const uint32_t word = word_of(v.raw, i);
        products = simt::dot4(word & 0x0f0f0f0fu, word_of(low, i), products);
        products = simt::dot4(word >> 4 & 0x0f0f0f0fu, word_of(high, i), products);
      }
      sums = b.low_sum + b.high_sum;
    }
    float value = v.scale * static_cast<float>(products);
    if constexpr (S == Storage::q4_0 || S == Storage::q4_k) {
      value = fmaf(v.min, static_cast<float>(sums), value);
    } else if constexpr (S == Storage::codes8) {
      if (w.mins != nullptr) value = fmaf(v.min, static_cast<float>(sums), value);
    }
    sum = fmaf(b.scale, value, sum);
  }
};

template <Storage S, bool kInteger = is_integer(S)>
struct ReaderOf {
  using type = FloatReader<S>;
};
template <Storage S>
struct ReaderOf<S, true> {
  using type = IntegerReader<S>;
};
template <Storage S>
using Reader = typename ReaderOf<S>::type;

}  // namespace hearth::cuda
