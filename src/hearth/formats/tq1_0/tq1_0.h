// TQ1_0: 256 numbers of -1, 0 and 1, five to a byte, and one scale; value = d * q.
//
//   byte 0       48        52      54
//        | q[48] | rest[4] | d f16 |
//
// A byte b stands for the fraction b / 256, whose digits in base three are q + 1, the first digit
// after the point first. Digit n of q[0..31] belongs to elements 32 n + i (n = 0..4), of q[32..47]
// to 160 + 16 n + i, and of rest[0..3] to 240 + 4 n + i (n = 0..3).
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct TQ1_0 {
  static constexpr Format kFormat = Format::tq1_0;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax;  // d = amax

  struct Block {
    uint8_t q[48];
    uint8_t rest[4];
    uint16_t d;
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance; exact for weights that are d, 0 and -d.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
