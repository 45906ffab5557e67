// IQ2_XS: 256 numbers as 32 points of a grid of 512 with eight magnitudes each, in sixteen groups
// of 16; value = d * (0.5 + scale[g]) / 4 * (+-magnitude).
//
//   byte 0       2               66          74
//        | d f16 | point[32] u16 | scales[8] |
//
// A point is a u16: bits 8-0 its index, bits 15-9 seven signs (the eighth makes the number of
// negatives even). scale[g] is nibble g of `scales`, the low nibble of a byte first.
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct IQ2_XS {
  static constexpr Format kFormat = Format::iq2_xs;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 166;  // amax / 43 / (15.5 / 4) must fit F16

  struct Block {
    uint16_t d;
    uint16_t point[kElements / 8];
    uint8_t scales[kElements / kGroup / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance; every point is the best one of the grid.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
