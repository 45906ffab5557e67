// TQ2_0: 256 numbers of -1, 0 and 1 in two bits each, and one scale; value = d * (q - 1). No
// encoder writes q = 3; it is read like the others.
//
//   byte 0       64      66
//        | q[64] | d f16 |
//
// Element e of half h (h = 0, 1 of 128 elements; part p = e / 32 of the half, i = e % 32) lies in
// bits 2p and 2p + 1 of q[32 h + i].
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct TQ2_0 {
  static constexpr Format kFormat = Format::tq2_0;
  static constexpr int kElements = 256;
  static constexpr int kGroup = 32;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax;  // d = amax

  struct Block {
    uint8_t q[kElements / 4];
    uint16_t d;
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance; exact for weights that are d, 0 and -d.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
