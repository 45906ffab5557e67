// IQ3_XXS: 256 numbers as 64 points of a grid of 256 with four magnitudes each, in eight groups of
// 32; value = d * (0.5 + scale[g]) / 2 * (+-magnitude).
//
//   byte 0       2           66            98
//        | d f16 | index[64] | tail[8] u32 |
//
// Tail g belongs to group g: bits 7k..7k+6 are seven signs of its elements 8k..8k+6 (the eighth
// makes the number of negatives even), bits 31-28 the scale. It lies at an
// even address only, so the struct has it as two u16.
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct IQ3_XXS {
  static constexpr Format kFormat = Format::iq3_xxs;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 480;  // amax / 62 / (15.5 / 2) must fit F16

  struct Block {
    uint16_t d;
    uint8_t index[kElements / 4];
    uint16_t tail[kElements / kGroup][2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance; every point is the best one of the grid.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
