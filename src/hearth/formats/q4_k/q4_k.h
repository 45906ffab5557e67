// Q4_K: 256 four-bit numbers in eight groups of 32; value = (d * scale[g]) * q - (dmin * min[g]),
// with two F16 factors for the block and a six-bit scale and min for each group.
//
//   byte 0      2         4            16                                  144
//        | d f16 | dmin f16 | scales[12] | four runs of 32 bytes: q[128]      |
//
// Run r holds group 2r in its low nibbles and group 2r + 1 in its high nibbles.
// The 16 six-bit numbers in scales[12], S = scale and M = min (bits 7..0):
//
//   byte g      (g = 0..3)   S[g+4] bits 5-4 | S[g] bits 5-0
//   byte g + 4  (g = 0..3)   M[g+4] bits 5-4 | M[g] bits 5-0
//   byte g + 8  (g = 0..3)   M[g+4] bits 3-0 | S[g+4] bits 3-0
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct Q4_K {
  static constexpr Format kFormat = Format::q4_k;
  static constexpr int kElements = 256;
  static constexpr int kGroups = 8;
  static constexpr int kGroup = kElements / kGroups;
  static constexpr bool kHasMin = true;
  static constexpr float kMax = F16::kMax * 32;  // range / 15 / 63 and -min / 63 must fit F16

  struct Block {
    uint16_t d;
    uint16_t dmin;
    uint8_t scales[12];
    uint8_t q[kElements / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  struct Groups {  // scales[12], unpacked: six-bit numbers
    uint8_t scale[kGroups];
    uint8_t min[kGroups];
  };
  static Groups unpack_groups(const uint8_t scales[12]);
  static void pack_groups(const Groups& groups, uint8_t scales[12]);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
