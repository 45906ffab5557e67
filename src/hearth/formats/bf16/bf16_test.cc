// Every one of the 65536 patterns, and rounding at and around every midpoint between two of them.
#include "hearth/formats/bf16/bf16.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hearth {
namespace {

TEST(BF16, EveryPatternRoundTrips) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = BF16::decode(static_cast<uint16_t>(bits));
    ASSERT_EQ(std::bit_cast<uint32_t>(value), bits << 16);
    ASSERT_EQ(BF16::encode(value), std::isnan(value) ? bits | 0x40 : bits) << bits;
  }
}

TEST(BF16, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7F80; ++bits) {
    for (const uint32_t sign : {0u, 0x8000u}) {
      const uint32_t middle = (sign | bits) << 16 | 0x8000;
      ASSERT_EQ(BF16::encode(std::bit_cast<float>(middle)), sign | (bits + (bits & 1))) << bits;
      ASSERT_EQ(BF16::encode(std::bit_cast<float>(middle - 1)), sign | bits) << bits;
      ASSERT_EQ(BF16::encode(std::bit_cast<float>(middle + 1)), sign | (bits + 1)) << bits;
    }
  }
}

TEST(BF16, KeepsNanAndInfinity) {
  EXPECT_EQ(BF16::encode(INFINITY), 0x7F80);
  EXPECT_EQ(BF16::encode(-INFINITY), 0xFF80);
  EXPECT_EQ(BF16::encode(std::bit_cast<float>(0x7F800001u)), 0x7FC0);  // payload in the lost half
  EXPECT_EQ(BF16::encode(std::bit_cast<float>(0xFFFFFFFFu)), 0xFFFF);
}

}  // namespace
}  // namespace hearth
