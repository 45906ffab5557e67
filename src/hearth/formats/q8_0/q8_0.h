// Q8_0: 32 signed bytes and one scale; value = d * q.
//
//   byte 0      2                                  34
//        | d f16 | q[0] int8 | q[1] | ...   | q[31] |
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct Q8_0 {
  static constexpr Format kFormat = Format::q8_0;
  static constexpr int kElements = 32;
  static constexpr int kGroup = kElements;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 127;  // d = amax / 127 must fit F16

  struct Block {
    uint16_t d;
    int8_t q[kElements];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  // A q of -128, which no encoder writes, becomes -127 there.
  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // The same bytes as ggml's reference; importance is ignored.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
