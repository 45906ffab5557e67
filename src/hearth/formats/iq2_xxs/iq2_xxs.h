// IQ2_XXS: 256 numbers as 32 points of a grid of 256 with eight magnitudes each, in eight groups of
// 32; value = d * (0.5 + scale[g]) / 4 * (+-magnitude).
//
//   byte 0       2                                   66
//        | d f16 | eight groups of 8 bytes: group[8] |
//
// A group: four bytes, the indices of its points, then a little-endian u32: bits 7k..7k+6 are seven
// signs of point k (k = 0..3; the eighth makes the number of negatives even), bits 31-28 the scale.
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct IQ2_XXS {
  static constexpr Format kFormat = Format::iq2_xxs;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 166;  // amax / 43 / (15.5 / 4) must fit F16

  struct Block {
    uint16_t d;
    uint16_t group[kElements / kGroup][4];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance; every point is the best one of the grid.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
