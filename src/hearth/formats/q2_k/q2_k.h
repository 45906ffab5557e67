// Q2_K: 256 two-bit numbers in sixteen groups of 16; value = (d * scale[g]) * q - (dmin * min[g]),
// with two F16 factors for the block and a four-bit scale and min for each group.
//
//   byte 0            16      80      82         84
//        | scales[16] | q[64] | d f16 | dmin f16 |
//
// Byte g of scales: bits 3-0 the scale, bits 7-4 the min of group g.
// Element e of half h (h = 0, 1 of 128 elements; part p = e / 32 of the half, i = e % 32) lies in
// bits 2p and 2p + 1 of q[32 h + i].
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct Q2_K {
  static constexpr Format kFormat = Format::q2_k;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 16;
  static constexpr bool kHasMin = true;
  static constexpr float kMax = F16::kMax * 15;  // -min / 15 must fit F16

  struct Block {
    uint8_t scales[kElements / kGroup];
    uint8_t q[kElements / 4];
    uint16_t d;
    uint16_t dmin;
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
