// F16: IEEE 754 binary16. Also the type of the scales inside the Q formats.
//
//   15 14    10 9          0
//   s | exponent | mantissa |      little endian, 2 bytes; bias 15, subnormals, Inf, NaN
#pragma once

#include "hearth/formats/small_float.h"
#include "hearth/tensor/format.h"

namespace hearth {

struct F16 {
  static constexpr Format kFormat = Format::f16;
  static constexpr int kElements = 1;
  static constexpr int kGroup = 0;  // no integer view
  static constexpr bool kHasMin = false;
  static constexpr float kMax = 65504.0f;
  static constexpr uint16_t kNan = 0x7E00;

  struct Block {
    uint16_t bits;
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  // A NaN stays a NaN with its payload and becomes quiet, as the conversion instructions do it.
  static constexpr float decode(uint16_t bits) {
    if ((bits & 0x7C00u) != 0x7C00u) return Half::decode_finite(bits);
    const uint32_t payload = (bits & 0x3FFu) << 13;
    const uint32_t quiet = payload != 0 ? 0x400000u : 0;
    return std::bit_cast<float>((bits & 0x8000u) << 16 | 0x7F800000u | payload | quiet);
  }

  // Beyond the largest finite value (from 65520 on): infinity.
  static constexpr uint16_t encode(float value) {
    const uint32_t sign = Half::sign_of(value);
    const uint32_t magnitude = std::bit_cast<uint32_t>(value) & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) {
      return static_cast<uint16_t>(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
    }
    if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7C00u);  // 65536 and more
    return static_cast<uint16_t>(sign | Half::encode_magnitude(value));
  }

  static void decode_block(const Block& block, float* out) { *out = decode(block.bits); }
  static void encode_block(const float* in, Block& block) { block.bits = encode(*in); }

 private:
  using Half = SmallFloat<5, 10>;
};

}  // namespace hearth
