// F32 keeps every bit, NaN payloads included.
#include "hearth/formats/f32/f32.h"

#include <gtest/gtest.h>

#include <bit>

namespace hearth {
namespace {

TEST(F32, KeepsEveryBit) {
  for (const uint32_t bits :
       {0u, 0x80000000u, 1u, 0x3F800000u, 0x7F7FFFFFu, 0x7F800000u, 0x7FC01234u, 0xFFFFFFFFu}) {
    const float in = std::bit_cast<float>(bits);
    F32::Block block;
    F32::encode_block(&in, block);
    float out = 0;
    F32::decode_block(block, &out);
    EXPECT_EQ(std::bit_cast<uint32_t>(out), bits);
  }
}

}  // namespace
}  // namespace hearth
