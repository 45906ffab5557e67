// IQ3_S: 256 numbers as 64 points of a grid of 512 with four magnitudes each, in eight groups of
// 32; value = d * (1 + 2 scale[g]) * (+-magnitude).
//
//   byte 0       2         66        74          106         110
//        | d f16 | low[64] | high[8] | signs[32] | scales[4] |
//
// Point k has the index low[k] | (bit k % 8 of high[k / 8]) << 8. Element e of the block is
// negative where bit e % 8 of signs[e / 8] is set. scale[g] is nibble g of `scales`, the low nibble
// of a byte first.
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct IQ3_S {
  static constexpr Format kFormat = Format::iq3_s;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 465;  // amax / 15 / 31 must fit F16

  struct Block {
    uint16_t d;
    uint8_t low[kElements / 4];
    uint8_t high[kElements / 32];
    uint8_t signs[kElements / 8];
    uint8_t scales[kElements / kGroup / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance; every point is the best one of the grid.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
