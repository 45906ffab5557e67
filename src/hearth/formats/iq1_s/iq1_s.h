// IQ1_S: 256 numbers as 32 points of a grid of 2048 with eight numbers of -1, 0 and 1 each, in
// eight groups of 32; value = d * (1 + 2 scale[g]) * (number + delta[g]), delta[g] = +-1/8.
//
//   byte 0       2         34            50
//        | d f16 | low[32] | high[8] u16 |
//
// high[g] of group g: bits 3k..3k+2 are bits 10-8 of the index of its point k (k = 0..3), whose low
// byte is low[4 g + k]; bits 14-12 are the scale; bit 15 set: delta is -1/8.
// The integers are 8 number +- 1, the scale an eighth.
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct IQ1_S {
  static constexpr Format kFormat = Format::iq1_s;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 16;  // amax / 1.125 / 15 must fit F16

  struct Block {
    uint16_t d;
    uint8_t low[kElements / 8];
    uint16_t high[kElements / kGroup];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance; every point is the best one of the grid.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
