// IQ1_M: 256 numbers as 32 points of a grid of 2048 with eight numbers of -1, 0 and 1 each, in
// sixteen groups of 16; value = d * (1 + 2 scale[g]) * (number + delta[k]), delta[k] = +-1/8 for
// each point.
//
//   byte 0         32         48              56
//        | low[32] | high[16] | scales[4] u16 |
//
// Nibble k of `high` (the low one of a byte first): bits 2-0 are bits 10-8 of the index of point k,
// whose low byte is low[k]; bit 3 set: delta is -1/8. Bits 3j..3j+2 of scales[s] are the scale of
// group 4 s + j; bits 15-12 are nibble s of d, an F16.
// The integers are 8 number +- 1, the scale an eighth.
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct IQ1_M {
  static constexpr Format kFormat = Format::iq1_m;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 16;  // amax / 1.125 / 15 must fit F16

  struct Block {
    uint8_t low[kElements / 8];
    uint8_t high[kElements / 16];
    uint16_t scales[4];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance; every point is the best one of the grid.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
