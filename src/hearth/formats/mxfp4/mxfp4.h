// MXFP4: 32 four-bit floats (E2M1) and a power of two, the OCP microscaling format;
// value = 2^(e - 127) * element, and NaN as a whole for e = 255.
//
//   byte 0      1                                                            17
//        | e u8 | low nibbles: elements 0..15, high nibbles: elements 16..31 |
//
// An element is a sign (bit 3) and the magnitude 0, 0.5, 1, 1.5, 2, 3, 4 or 6 (bits 2-0). The
// integers are doubled, so that they are whole, and the scale is halved.
#pragma once

#include "hearth/tensor/format.h"

namespace hearth {

struct MXFP4 {
  static constexpr Format kFormat = Format::mxfp4;
  static constexpr int kElements = 32;
  static constexpr int kGroup = kElements;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = 0x1.8p127f;  // 6 * 2^125, the largest float below infinity here

  struct Block {
    uint8_t e;
    uint8_t q[kElements / 2];
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static constexpr int8_t kDoubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  static float half_scale(uint8_t e);  // 2^(e - 128)

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // The power of two with the smallest squared error, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
