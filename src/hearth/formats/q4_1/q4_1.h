// Q4_1: 32 four-bit numbers, a scale and an offset; value = d * q + m.
//
//   byte 0       2       4                                                20
//        | d f16 | m f16 | low nibbles: q[0..15], high nibbles: q[16..31] |
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct Q4_1 {
  static constexpr Format kFormat = Format::q4_1;
  static constexpr int kElements = 32;
  static constexpr int kGroup = kElements;
  static constexpr bool kHasMin = true;
  static constexpr float kMax = F16::kMax;  // of m; the range / 15 must fit F16 as well

  struct Block {
    uint16_t d;
    uint16_t m;
    uint8_t q[kElements / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
