// One weight as a float, exactly: for rows that are read and not multiplied by, and for tiles.
#pragma once

#include "hearth/backend/cuda/linear/chunk_dot.h"

namespace hearth::cuda {

__device__ __forceinline__ int nibble_of(const uint8_t* codes, int column) {
  const int in_block = column % 32;
  const uint8_t byte = codes[column / 32 * 16 + in_block % 16];
  return in_block < 16 ? byte & 15 : byte >> 4;
}

__device__ __forceinline__ float decode_value(const MatrixView& w, int row, int column) {
  const uint8_t* codes = w.codes + int64_t{row} * w.chunks * 16;
  const int64_t scales = int64_t{row} * w.scale_columns;
  switch (w.storage) {
    case Storage::f32:
      return reinterpret_cast<const float*>(codes)[column];
    case Storage::f16:
      return simt::from_f16(reinterpret_cast<const uint16_t*>(codes)[column]);
    case Storage::bf16:
      return simt::from_bf16(reinterpret_cast<const uint16_t*>(codes)[column]);
    case Storage::f8:
      return simt::from_f8_e4m3(codes[column]) *
             static_cast<const float*>(
                 w.scales)[int64_t{row / 128} * w.scale_columns + column / 128];
    case Storage::codes8: {
      const int64_t at = scales + column / w.group;
      const float product = static_cast<const float*>(w.scales)[at] *
                            static_cast<float>(static_cast<int8_t>(codes[column]));
      return w.mins == nullptr ? product : product + w.mins[at];
    }
    case Storage::q8_0:
      return simt::from_f16(static_cast<const uint16_t*>(w.scales)[scales + column / 32]) *
             static_cast<float>(static_cast<int8_t>(codes[column]));
    case Storage::q4_0:
      return simt::from_f16(static_cast<const uint16_t*>(w.scales)[scales + column / 32]) *
             static_cast<float>(nibble_of(codes, column) - 8);
    case Storage::q4_k: {
      const uint4 block = static_cast<const uint4*>(w.scales)[scales + column / 256];
      const GroupFactors f = q4_k_group(block, column / 32 % 8);
      return f.scale * static_cast<float>(nibble_of(codes, column)) + f.min;
    }
  }
  return 0.0f;
}

}  // namespace hearth::cuda
