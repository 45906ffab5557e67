// Every one of the 65536 patterns, and rounding at and around every midpoint between two of them.
#include "hearth/formats/f16/f16.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hearth {
namespace {

// The definition of the format, independent of the codec's bit tricks.
float by_definition(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const int mantissa = static_cast<int>(bits & 1023);
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                          : exponent == 31
                              ? (mantissa != 0 ? NAN : INFINITY)
                              : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  return std::copysign(magnitude, bits & 0x8000 ? -1.0f : 1.0f);
}

TEST(F16, DecodesEveryPattern) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float expected = by_definition(bits);
    const float found = F16::decode(static_cast<uint16_t>(bits));
    ASSERT_EQ(std::isnan(found), std::isnan(expected)) << bits;
    ASSERT_EQ(std::signbit(found), std::signbit(expected)) << bits;
    if (std::isnan(expected)) {
      ASSERT_EQ(std::bit_cast<uint32_t>(found) >> 13 & 1023, (bits & 1023) | 512) << bits;
    } else {
      ASSERT_EQ(found, expected) << bits;
    }
  }
}

TEST(F16, EncodesEveryValueToItself) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = F16::decode(static_cast<uint16_t>(bits));
    const uint32_t expected = std::isnan(value) ? bits | 0x200 : bits;
    ASSERT_EQ(F16::encode(value), expected) << bits;
  }
}

TEST(F16, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const float low = F16::decode(static_cast<uint16_t>(bits));
    // Above the largest finite value the next step would be 65536.
    const float high = bits == 0x7BFF ? 65536.0f : F16::decode(static_cast<uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    const uint32_t even = bits + (bits & 1);
    for (const uint32_t sign : {0u, 0x8000u}) {
      const float s = sign != 0 ? -1.0f : 1.0f;
      ASSERT_EQ(F16::encode(s * middle), sign | even) << bits;
      ASSERT_EQ(F16::encode(s * std::nextafter(middle, 0.0f)), sign | bits) << bits;
      ASSERT_EQ(F16::encode(s * std::nextafter(middle, INFINITY)), sign | (bits + 1)) << bits;
    }
  }
}

TEST(F16, KeepsTheExtremes) {
  EXPECT_EQ(F16::encode(INFINITY), 0x7C00);
  EXPECT_EQ(F16::encode(-3e38f), 0xFC00);
  EXPECT_EQ(F16::encode(1e-45f), 0);
  EXPECT_EQ(F16::encode(-1e-45f), 0x8000);
  EXPECT_EQ(F16::encode(std::bit_cast<float>(0x7F800001u)), 0x7E00);  // payload in the lost bits
}

}  // namespace
}  // namespace hearth
