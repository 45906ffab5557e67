// BF16: the upper half of a float32.
//
//   15 14        7 6        0
//   s | exponent  | mantissa |      little endian, 2 bytes
#pragma once

#include <bit>
#include <cstdint>

#include "hearth/tensor/format.h"

namespace hearth {

struct BF16 {
  static constexpr Format kFormat = Format::bf16;
  static constexpr int kElements = 1;
  static constexpr int kGroup = 0;  // no integer view
  static constexpr bool kHasMin = false;
  static constexpr float kMax = std::bit_cast<float>(0x7F7F0000u);

  struct Block {
    uint16_t bits;
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static constexpr float decode(uint16_t bits) {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }

  // Rounds to nearest even; the carry of the largest value runs into infinity, as it should. A NaN
  // whose payload lies in the lost half is kept by setting its quiet bit.
  static constexpr uint16_t encode(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
    return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
  }

  static void decode_block(const Block& block, float* out) { *out = decode(block.bits); }
  static void encode_block(const float* in, Block& block) { block.bits = encode(*in); }
};

}  // namespace hearth
