// Q3_K: 256 three-bit numbers in sixteen groups of 16; value = (d * (scale[g] - 32)) * (q - 4),
// with one F16 factor for the block and a six-bit scale for each group.
//
//   byte 0          32        96           108     110
//        | high[32] | low[64] | scales[12] | d f16 |
//
// Element e of half h (h = 0, 1 of 128 elements; part p = e / 32 of the half, i = e % 32) takes
//   its low two bits from  bits 2p and 2p + 1 of low[32 h + i]
//   its high bit from      bit 4 h + p        of high[i]
// The sixteen six-bit numbers S in scales[12] (bits 7..0):
//
//   byte g      (g = 0..7)   S[g+8] bits 3-0 | S[g] bits 3-0
//   byte g + 8  (g = 0..3)   S[g+12] bits 5-4 | S[g+8] bits 5-4 | S[g+4] bits 5-4 | S[g] bits 5-4
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct Q3_K {
  static constexpr Format kFormat = Format::q3_k;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 128;  // amax / 4 / 32 must fit F16

  struct Block {
    uint8_t high[kElements / 8];
    uint8_t low[kElements / 4];
    uint8_t scales[12];
    uint16_t d;
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  // The numbers of the groups as they multiply d: -32..31.
  static void unpack_scales(const uint8_t scales[12], int8_t out[kElements / kGroup]);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
