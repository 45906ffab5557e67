// Keccak-256 against published digests, and over the border of a block.
#include "hearth/guard/pii/keccak.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <string>

namespace hearth::pii {
namespace {

std::string hex(std::string_view message) {
  return fmt::format("{:02x}", fmt::join(keccak_256(message), ""));
}

TEST(Keccak, PublishedDigests) {
  EXPECT_EQ(hex(""), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  EXPECT_EQ(hex("abc"), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

TEST(Keccak, BlocksOf136Bytes) {
  // From the generator's own Keccak (tools/pii_sets/check.py).
  EXPECT_EQ(hex(std::string(135, 'a')),
            "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446");
  EXPECT_EQ(hex(std::string(136, 'a')),
            "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e");
  EXPECT_EQ(hex(std::string(300, 'a')),
            "5b7e0e47a96f32a88b4f14ca177982790807c40e1a105742ba0fc1babe1ef826");
}

}  // namespace
}  // namespace hearth::pii
