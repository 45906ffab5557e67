// F8_E4M3: eight-bit float of DeepSeek-V3/R1's weights (the "fn" variant of the OCP 8-bit float
// specification: finite, so one more binade instead of infinities).
//
//   7 6      3 2      0
//   s | exponent | mant. |      bias 7; largest 448 = 0x7E; NaN = 0x7F and 0xFF; no infinity
//
// A weight's 128x128 tiles share one f32 scale, kept outside the bytes (Tensor::scales).
#pragma once

#include <array>

#include "hearth/formats/small_float.h"
#include "hearth/tensor/format.h"

namespace hearth {

struct F8E4M3 {
  static constexpr Format kFormat = Format::f8_e4m3;
  static constexpr int kElements = 1;
  static constexpr int kGroup = 0;  // no integer view
  static constexpr bool kHasMin = false;
  static constexpr float kMax = 448.0f;

  struct Block {
    uint8_t bits;
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  static float decode(uint8_t bits);

  // Beyond 464, where rounding leaves the finite range, and for Inf and NaN: NaN, never a silent
  // 448. Who wants saturation clamps first.
  static constexpr uint8_t encode(float value) {
    const uint32_t sign = Quarter::sign_of(value);
    const uint32_t magnitude = std::bit_cast<uint32_t>(value) & 0x7FFFFFFFu;
    if (magnitude > std::bit_cast<uint32_t>(464.0f)) return static_cast<uint8_t>(sign | 0x7Fu);
    return static_cast<uint8_t>(sign | Quarter::encode_magnitude(value));
  }

  static void decode_block(const Block& block, float* out) { *out = decode(block.bits); }
  static void encode_block(const float* in, Block& block) { block.bits = encode(*in); }

 private:
  using Quarter = SmallFloat<4, 3>;

  static constexpr std::array<float, 256> make_values() {
    std::array<float, 256> values{};
    for (uint32_t bits = 0; bits < 256; ++bits) {
      const bool nan = (bits & 0x7Fu) == 0x7Fu;
      values[bits] = nan ? std::bit_cast<float>((bits & 0x80u) << 24 | 0x7FC00000u)
                         : Quarter::decode_finite(bits);
    }
    return values;
  }
};

inline float F8E4M3::decode(uint8_t bits) {
  static constexpr std::array<float, 256> kValues = make_values();
  return kValues[bits];
}

}  // namespace hearth
