// The published values of both functions.
#include "hearth/base/random.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

// Vigna's splitmix64.c from the state 1234567.
TEST(Random, SplitMix64AsPublished) {
  const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                               4593380528125082431u, 16408922859458223821u};
  uint64_t state = 1234567;
  for (const uint64_t value : expected) EXPECT_EQ(splitmix64(state += kSplitMixStep), value);
}

// The test vectors of Fowler, Noll and Vo.
TEST(Random, Fnv1aAsPublished) {
  EXPECT_EQ(fnv1a(""), 0xCBF29CE484222325u);
  EXPECT_EQ(fnv1a("a"), 0xAF63DC4C8601EC8Cu);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171F73967E8u);
  EXPECT_EQ(fnv1a("bar", fnv1a("foo")), fnv1a("foobar"));
}

}  // namespace
}  // namespace hearth
