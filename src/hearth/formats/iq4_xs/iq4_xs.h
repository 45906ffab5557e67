// IQ4_XS: 256 four-bit indices into the levels of IQ4_NL in eight groups of 32;
// value = (d * (scale[g] - 32)) * level[index], with one F16 factor for the block and a six-bit
// scale for each group.
//
//   byte 0       2          4        8                                    136
//        | d f16 | high u16 | low[4] | eight runs of 16 bytes: index[128] |
//
// scale[g]: bits 3-0 are nibble g of `low` (the low nibble of a byte first), bits 5-4 are bits 2g
// and 2g + 1 of `high`. Run g holds group g: elements 0..15 in the low nibbles, 16..31 in the high.
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct IQ4_XS {
  static constexpr Format kFormat = Format::iq4_xs;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 3616;  // amax / 113 / 32 must fit F16

  struct Block {
    uint16_t d;
    uint16_t high;
    uint8_t low[4];
    uint8_t index[kElements / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
