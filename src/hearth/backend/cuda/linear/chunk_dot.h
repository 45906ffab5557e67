// Weights in chunks of 16 bytes: loading them, and adding their products with a row of activations
// to a sum. One Reader for each storage; every kernel that multiplies few rows is built on them.
//
// Eight lanes share a row of weights and walk along it in steps. A lane's sum goes along its share
// of the blocks in order, and the lanes' sums are added in pairs: an order that a kernel on tensor
// cores can follow too.
#pragma once

#include "hearth/backend/cuda/linear/matrix_view.h"
#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::cuda {

inline constexpr int kRowLanes = 8;  // that share a row of weights: 128 bytes of it at a time

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

// Where a row of weights lies.
struct WeightRow {
  const uint4* codes;
  const void* scales;
  const float* mins;
  int chunks, blocks;  // blocks: of 32 weights
  int group;           // of codes8
};
template <Storage S>
inline constexpr int kScaleBytes = S == Storage::q4_k                         ? 16
                                   : S == Storage::q8_0 || S == Storage::q4_0 ? 2
                                                                              : 4;
template <Storage S>
__device__ __forceinline__ WeightRow weight_row(const MatrixView& w, int row) {
  const int64_t scale = int64_t{S == Storage::f8 ? row / 128 : row} * w.scale_columns;
  return {reinterpret_cast<const uint4*>(w.codes) + int64_t{row} * w.chunks,
          static_cast<const uint8_t*>(w.scales) + scale * kScaleBytes<S>,
          w.mins == nullptr ? nullptr : w.mins + scale,
          w.chunks,
          w.columns / 32,
          w.group};
}

// A row of activations, in any memory.
struct InputRow {
  const float* floats;
  const int8_t* codes;
  const BlockScale* blocks;
  int columns;
};
__device__ __forceinline__ InputRow input_row(const RowsView& x, int row) {
  return {x.floats + int64_t{row} * x.columns, x.codes + int64_t{row} * x.columns,
          x.blocks + int64_t{row} * (x.columns / 32), x.columns};
}

// Chunks [first, last) of a row to the second cache, with their factors.
template <Storage S>
inline constexpr bool kByteBlocks = has_byte_blocks(S);
template <Storage S>
inline constexpr int kChunkValues = chunk_values(S);
template <Storage S>
__device__ __forceinline__ void prefetch_chunks(const WeightRow& row, int first, int last) {
  if (first >= last) return;
  simt::prefetch_span(row.codes + first, (last - first) * 16);
  if constexpr (kByteBlocks<S>) {  // whose factors take two bytes a block
    const auto* factors = static_cast<const uint8_t*>(row.scales);
    const int before = static_cast<int>(reinterpret_cast<uintptr_t>(factors) % 16);
    const int from = (before + first * kChunkValues<S> / 16) / 16 * 16;
    const int to = (before + last * kChunkValues<S> / 16 + 15) / 16 * 16;
    simt::prefetch_span(factors - before + from, to - from);
  }
}

// A step may go beyond the end of a row: what lies there is read as the last chunk, and not added.
__device__ __forceinline__ int within(int at, int count) {
  return at < count ? at : count - 1;
}

template <Storage S>
struct FloatReader {
  static constexpr int kValues = chunk_values(S);
  static constexpr int kStepChunks = kRowLanes;
  struct Loaded {
    uint4 raw;
    float scale;
  };

  static __device__ __forceinline__ Loaded load(const WeightRow& w, int chunk) {
    Loaded v{simt::load_once(w.codes + chunk), 1.0f};
    if constexpr (S == Storage::f8) {
      v.scale = static_cast<const float*>(w.scales)[chunk * kValues / 128];
    }
    return v;
  }
  static __device__ __forceinline__ Loaded load_step(const WeightRow& w, int step, int lane) {
    return load(w, within(step * kStepChunks + lane, w.chunks));
  }

  static __device__ __forceinline__ void add_step(const Loaded& v, const WeightRow& w,
                                                  const InputRow& x, int step, int lane,
                                                  float& sum) {
    const int own = step * kStepChunks + lane;
    const int chunk = within(own, w.chunks);
    float weights[kValues];
    decode_floats<S>(v.raw, weights);
    const float* from = x.floats + chunk * kValues;
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
        if (chunk * kValues + i < x.columns) part = fmaf(weights[i], from[i], part);
      }
    }
    if (S == Storage::f8) part = fmaf(v.scale, part, sum);
    sum = own < w.chunks ? part : sum;
  }
};

// Of a group of weights: value = scale * code + min.
struct GroupFactors {
  float scale, min;
};
// Those of group g of a q4_k block, six bits each (drawn in formats/q4_k/q4_k.h).
__device__ __forceinline__ GroupFactors q4_k_group(const uint4& s, int g) {
  const float d = simt::from_f16(static_cast<uint16_t>(s.x & 0xffff));
  const float dmin = simt::from_f16(static_cast<uint16_t>(s.x >> 16));
  // Of groups 4 .. 7 the upper two bits are what the first four leave. Without branches: lanes of a
  // warp have different groups.
  const bool late = g >= 4;
  const int shift = 8 * (g % 4);
  const uint32_t mask = late ? 15 : 63;
  const uint32_t upper = late ? 0x30 : 0;
  const uint32_t scale = ((late ? s.w : s.y) >> shift & mask) | (s.y >> (shift + 2) & upper);
  const uint32_t min = ((late ? s.w >> 4 : s.z) >> shift & mask) | (s.z >> (shift + 2) & upper);
  return {d * static_cast<float>(scale), -(dmin * static_cast<float>(min))};
}

// Those of a block of q8_0 or q4_0, by its scale as it is stored.
template <Storage S>
__device__ __forceinline__ GroupFactors scaled_group(uint16_t stored) {
  const float scale = simt::from_f16(stored);
  return {scale, S == Storage::q4_0 ? -8.0f * scale : 0.0f};
}
// Those of block `block` of 32 weights of a row (has_byte_blocks).
template <Storage S>
__device__ __forceinline__ GroupFactors block_factors(const WeightRow& w, int block) {
  if constexpr (S == Storage::q4_k) {
    return q4_k_group(static_cast<const uint4*>(w.scales)[block / 8], block % 8);
  } else {
    return scaled_group<S>(static_cast<const uint16_t*>(w.scales)[block]);
  }
}

__device__ __forceinline__ int dot16(const uint4& weights, const uint4& x) {
  int products = 0;
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) products = simt::dot4(word_of(weights, i), word_of(x, i), products);
  return products;
}

// 32 codes of four bits with two times 16 of eight.
__device__ __forceinline__ int dot32(const uint4& weights, const uint4& low, const uint4& high) {
  int products = 0;
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    const uint32_t word = word_of(weights, i);
    products = simt::dot4(word & 0x0f0f0f0fu, word_of(low, i), products);
    products = simt::dot4(word >> 4 & 0x0f0f0f0fu, word_of(high, i), products);
  }
  return products;
}

// A chunk of integers with the factors of its group, as they are stored.
template <Storage S>
struct IntegerChunk {
  static constexpr int kValues = chunk_values(S);
  uint4 raw;
  uint4 stored;

  static __device__ __forceinline__ IntegerChunk load(const WeightRow& w, int chunk) {
    IntegerChunk v{simt::load_once(w.codes + chunk), {}};
    if constexpr (S == Storage::codes8) {
      const int at = chunk * kValues / w.group;
      v.stored.x = simt::to_bits(static_cast<const float*>(w.scales)[at]);
      if (w.mins != nullptr) v.stored.y = simt::to_bits(w.mins[at]);
    } else if constexpr (S == Storage::q4_k) {
      v.stored = static_cast<const uint4*>(w.scales)[chunk / 8];
    } else {
      v.stored.x = static_cast<const uint16_t*>(w.scales)[chunk * kValues / 32];
    }
    return v;
  }
  __device__ __forceinline__ GroupFactors factors(int chunk) const {
    if constexpr (S == Storage::codes8) {
      return {simt::from_bits(stored.x), simt::from_bits(stored.y)};
    } else if constexpr (S == Storage::q4_k) {
      return q4_k_group(stored, chunk % 8);
    } else {
      return scaled_group<S>(static_cast<uint16_t>(stored.x));
    }
  }
};

template <Storage S>
struct IntegerReader {
  static constexpr int kValues = chunk_values(S);
  static constexpr int kStepChunks = kRowLanes;
  using Loaded = IntegerChunk<S>;

  static __device__ __forceinline__ Loaded load_step(const WeightRow& w, int step, int lane) {
    return Loaded::load(w, within(step * kStepChunks + lane, w.chunks));
  }
  static __device__ __forceinline__ void add_step(const Loaded& v, const WeightRow& w,
                                                  const InputRow& x, int step, int lane,
                                                  float& sum) {
    const int own = step * kStepChunks + lane;
    const int chunk = within(own, w.chunks);
    const BlockScale b = x.blocks[chunk * kValues / 32];
    const auto* codes = reinterpret_cast<const uint4*>(x.codes + chunk * kValues);
    const GroupFactors f = v.factors(chunk);
    int products, sums;
    if constexpr (kValues == 16) {
      products = dot16(v.raw, codes[0]);
      sums = chunk % 2 == 0 ? b.low_sum : b.high_sum;
    } else {
      products = dot32(v.raw, codes[0], codes[1]);
      sums = b.low_sum + b.high_sum;
    }
    float value = f.scale * static_cast<float>(products);
    if (S != Storage::codes8 || w.mins != nullptr) {
      value = fmaf(f.min, static_cast<float>(sums), value);
    }
    sum = own < w.chunks ? fmaf(b.scale, value, sum) : sum;
  }
};

// Of q8_0 a block of 32 is two chunks, which lie in neighbouring lanes: a step has two chunks a
// lane, and of two blocks a pair of lanes finishes one each.
template <>
struct IntegerReader<Storage::q8_0> {
  static constexpr int kStepChunks = 2 * kRowLanes;
  struct Loaded {
    uint4 raw[2];
    uint16_t scale;  // of the block that the lane finishes
  };

  static __device__ __forceinline__ int block_of(int step, int lane) {
    return step * kRowLanes + lane % 2 * (kRowLanes / 2) + lane / 2;
  }
  static __device__ __forceinline__ Loaded load_step(const WeightRow& w, int step, int lane) {
    const int chunk = step * kStepChunks + lane;
    const int block = within(block_of(step, lane), w.blocks);
    return {{simt::load_once(w.codes + within(chunk, w.chunks)),
             simt::load_once(w.codes + within(chunk + kRowLanes, w.chunks))},
            static_cast<const uint16_t*>(w.scales)[block]};
  }
  static __device__ __forceinline__ void add_step(const Loaded& v, const WeightRow& w,
                                                  const InputRow& x, int step, int lane,
                                                  float& sum) {
    const int chunk = step * kStepChunks + lane;
    const auto* codes = reinterpret_cast<const uint4*>(x.codes);
    const int first = dot16(v.raw[0], codes[within(chunk, w.chunks)]);
    const int second = dot16(v.raw[1], codes[within(chunk + kRowLanes, w.chunks)]);
    const bool odd = lane % 2 == 1;
    const int products = (odd ? second : first) + simt::shuffle_xor(odd ? first : second, 1);
    const int block = block_of(step, lane);
    const float value = simt::from_f16(v.scale) * static_cast<float>(products);
    const float scale = x.blocks[within(block, w.blocks)].scale;
    sum = block < w.blocks ? fmaf(scale, value, sum) : sum;
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
