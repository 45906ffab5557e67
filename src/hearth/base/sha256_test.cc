// SHA-256 against the examples of FIPS 180-4.
#include "hearth/base/sha256.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Sha256, FollowsTheStandard) {
  Sha256 hash;
  EXPECT_EQ(hash.hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  hash.update("abc");
  EXPECT_EQ(hash.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, PiecesAndForksAgreeWithTheWhole) {
  const std::string text(100'000, 'a');
  Sha256 whole;
  whole.update(text);
  Sha256 pieces;
  pieces.update(std::string_view(text).substr(0, 777));
  Sha256 fork = pieces;
  fork.update("something else");
  EXPECT_NE(fork.hex(), pieces.hex());
  fork = pieces;
  fork.update(std::string_view(text).substr(777));
  EXPECT_EQ(fork.hex(), whole.hex());
  pieces.update(std::string_view(text).substr(777));
  EXPECT_EQ(pieces.hex(), whole.hex());
}

}  // namespace
}  // namespace hearth
