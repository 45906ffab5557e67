// Conversion between float32 and floats of fewer bits, in integer arithmetic: the same bits on
// every machine, whatever its flush-to-zero mode. Rounds to nearest, ties to even. What overflow,
// infinity and NaN look like differs between the small formats and is left to their codecs.
#pragma once

#include <bit>
#include <cstdint>

namespace hearth {

// A sign bit, then kExponentBits, then kMantissaBits; bias 2^(kExponentBits - 1) - 1.
template <int kExponentBits, int kMantissaBits>
struct SmallFloat {
  static constexpr int kBits = 1 + kExponentBits + kMantissaBits;
  static constexpr uint32_t kSign = 1u << (kBits - 1);
  static constexpr int kShift = 23 - kMantissaBits;  // mantissa bits that float32 has more
  static constexpr uint32_t kRebias = (127u - ((1u << (kExponentBits - 1)) - 1)) << 23;

  // Finite values only: the exponent is taken as a number even where it is all ones.
  static constexpr float decode_finite(uint32_t bits) {
    const uint32_t sign = (bits & kSign) << (32 - kBits);
    const uint32_t magnitude = bits & (kSign - 1);
    if (magnitude >> kMantissaBits != 0) {
      return std::bit_cast<float>(sign | ((magnitude << kShift) + kRebias));
    }
    // Subnormal: the mantissa counts units of the smallest value; both factors are exact.
    const float unit = std::bit_cast<float>(kRebias + (1u << 23) - (uint32_t{kMantissaBits} << 23));
    const float value = static_cast<float>(magnitude) * unit;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
  }

  // Rounded magnitude of a finite float32, without its sign. May run past the largest finite code;
  // the codec compares.
  static constexpr uint32_t encode_magnitude(float value) {
    const uint32_t magnitude = std::bit_cast<uint32_t>(value) & 0x7FFFFFFFu;
    if (magnitude >= kRebias + (1u << 23)) {
      const uint32_t half = (1u << (kShift - 1)) - 1 + ((magnitude >> kShift) & 1u);
      return (magnitude + half - kRebias) >> kShift;
    }
    // Subnormal: adding a power of two whose last bit is the smallest value rounds to that unit.
    constexpr uint32_t kMagic = kRebias + (1u << 23) + (uint32_t{kShift} << 23);
    const float sum = std::bit_cast<float>(magnitude) + std::bit_cast<float>(kMagic);
    return std::bit_cast<uint32_t>(sum) - kMagic;
  }

  static constexpr uint32_t sign_of(float value) {
    return (std::bit_cast<uint32_t>(value) >> (32 - kBits)) & kSign;
  }
};

}  // namespace hearth
