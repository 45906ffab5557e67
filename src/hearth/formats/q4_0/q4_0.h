// Q4_0: 32 four-bit numbers and one scale; value = d * (q - 8).
//
//   byte 0      2                                             18
//        | d f16 | low nibbles: q[0..15], high nibbles: q[16..31] |
//
// Byte i of the second part holds q[i] in bits 0-3 and q[i + 16] in bits 4-7.
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct Q4_0 {
  static constexpr Format kFormat = Format::q4_0;
  static constexpr int kElements = 32;
  static constexpr int kGroup = kElements;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 8;  // d = max / -8 must fit F16

  struct Block {
    uint16_t d;
    uint8_t q[kElements / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Without importance the same bytes as ggml's reference; with it weighted least squares.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
