// F32: IEEE 754 binary32, stored as it is computed with.
//
//   31 30        23 22                     0
//   s | exponent   | mantissa               |      little endian, 4 bytes
#pragma once

#include <limits>

#include "hearth/tensor/format.h"

namespace hearth {

struct F32 {
  static constexpr Format kFormat = Format::f32;
  static constexpr int kElements = 1;
  static constexpr int kGroup = 0;  // no integer view
  static constexpr bool kHasMin = false;
  static constexpr float kMax = std::numeric_limits<float>::max();

  struct Block {
    float value;
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_block(const Block& block, float* out) { *out = block.value; }
  static void encode_block(const float* in, Block& block) { block.value = *in; }
};

}  // namespace hearth
