// IQ4_NL: 32 four-bit indices into sixteen levels, and one scale; value = d * level[index]. The
// levels lie closer together near zero, where most weights are.
//
//   byte 0       2                                                          18
//        | d f16 | low nibbles: indices 0..15, high nibbles: indices 16..31 |
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct IQ4_NL {
  static constexpr Format kFormat = Format::iq4_nl;
  static constexpr int kElements = 32;
  static constexpr int kGroup = kElements;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 113;  // d = amax / 113 must fit F16

  struct Block {
    uint16_t d;
    uint8_t index[kElements / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static constexpr int8_t kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113};

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
