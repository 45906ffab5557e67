// Q5_0: 32 five-bit numbers and one scale; value = d * (q - 16).
//
//   byte 0       2          6                                                22
//        | d f16 | high u32 | low nibbles: q[0..15], high nibbles: q[16..31] |
//
// Bit i of `high` is bit 4 of q[i].
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct Q5_0 {
  static constexpr Format kFormat = Format::q5_0;
  static constexpr int kElements = 32;
  static constexpr int kGroup = kElements;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 16;  // d = max / -16 must fit F16

  struct Block {
    uint16_t d;
    uint8_t high[4];
    uint8_t q[kElements / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
