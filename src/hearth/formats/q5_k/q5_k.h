// Q5_K: 256 five-bit numbers in eight groups of 32; value = (d * scale[g]) * q - (dmin * min[g]),
// with two F16 factors for the block and a six-bit scale and min for each group: Q4_K and a fifth
// bit.
//
//   byte 0       2          4            16         48                              176
//        | d f16 | dmin f16 | scales[12] | high[32] | four runs of 32 bytes: q[128] |
//
// The runs and scales[12] are those of Q4_K (q4_k.h). Bit g of high[i] is bit 4 of element i of
// group g.
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct Q5_K {
  static constexpr Format kFormat = Format::q5_k;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = true;
  static constexpr float kMax = F16::kMax * 32;  // range / 31 / 63 and -min / 63 must fit F16

  struct Block {
    uint16_t d;
    uint16_t dmin;
    uint8_t scales[12];
    uint8_t high[kElements / 8];
    uint8_t q[kElements / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
