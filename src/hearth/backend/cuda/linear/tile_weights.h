// Sixteen consecutive weights of a row as a thread brings them to a tile: loaded early, decoded to
// bf16 late.
#pragma once

#include "hearth/backend/cuda/linear/chunk_dot.h"
#include "hearth/backend/cuda/simt/mma.h"

namespace hearth::cuda {

inline constexpr int kPiece = 16;  // weights of a thread and step

template <Storage S>
struct Piece {
  static constexpr bool kInteger = is_integer(S);
  static constexpr int kValues = chunk_values(S);
  static constexpr int kChunks = kValues < kPiece ? kPiece / kValues : 1;
  uint4 raw[kChunks];
  float scale = 1, min = 0;

  // Columns beyond the row's chunks are zeros.
  __device__ __forceinline__ void load(const MatrixView& w, int row, int column) {
    const int first = column / kValues;
    const WeightRow from = weight_row<S>(w, row);
    if constexpr (kInteger) {
      const auto v = IntegerChunk<S>::load(from, first);
      const GroupFactors f = v.factors(first);
      raw[0] = v.raw;
      scale = f.scale;
      min = f.min;
    } else {
      HEARTH_UNROLL
      for (int i = 0; i < kChunks; ++i) {
        raw[i] = uint4{0, 0, 0, 0};
        if (first + i >= w.chunks) continue;
        const auto v = FloatReader<S>::load(from, first + i);
        raw[i] = v.raw;
        scale = v.scale;
      }
    }
  }

  // `half`: which sixteen of the 32 that share a chunk, where a chunk has so many.
  __device__ __forceinline__ void store(int half, uint4* to) const {
    float values[kPiece];
    if constexpr (kInteger) {
      integers(half, values);
    } else {
      HEARTH_UNROLL
      for (int i = 0; i < kChunks; ++i) decode_floats<S>(raw[i], values + i * kValues);
      if constexpr (S == Storage::f8) {
        HEARTH_UNROLL
        for (int i = 0; i < kPiece; ++i) values[i] *= scale;
      }
    }
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) {
      const float* v = values + 8 * i;
      to[i] = uint4{simt::pack_bf16(v[0], v[1]), simt::pack_bf16(v[2], v[3]),
                    simt::pack_bf16(v[4], v[5]), simt::pack_bf16(v[6], v[7])};
    }
  }

 private:
  __device__ __forceinline__ void integers(int half, float* values) const {
    HEARTH_UNROLL
    for (int i = 0; i < kPiece; ++i) {
      const uint32_t word = word_of(raw[0], i / 4);
      int code;
      if constexpr (kValues == 32) {
        code = static_cast<int>(word >> (8 * (i % 4) + 4 * half) & 15);
      } else {
        code = static_cast<int8_t>(word >> (8 * (i % 4)) & 0xff);
      }
      values[i] = fmaf(scale, static_cast<float>(code), min);
    }
  }
};

}  // namespace hearth::cuda
