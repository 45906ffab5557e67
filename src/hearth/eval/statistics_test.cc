// Wilson intervals against values from published tables; number extraction from replies.
#include "hearth/eval/statistics.h"

#include <gtest/gtest.h>

#include "hearth/eval/arithmetic.h"

namespace hearth {
namespace {

TEST(Wilson, KnownIntervals) {
  EXPECT_NEAR(wilson95(0, 10).high, 0.2775, 1e-4);
  EXPECT_NEAR(wilson95(5, 10).low, 0.2366, 1e-4);
  EXPECT_NEAR(wilson95(5, 10).high, 0.7634, 1e-4);
  EXPECT_NEAR(wilson95(81, 263).low, 0.2553, 1e-4);  // Newcombe 1998, table I
  EXPECT_NEAR(wilson95(81, 263).high, 0.3662, 1e-4);
  EXPECT_EQ(wilson95(0, 0).high, 1);
}

TEST(LastNumber, ReadsWhatPeopleWrite) {
  EXPECT_EQ(last_number("The answer is 56025."), "56025");
  EXPECT_EQ(last_number("12-345=-333"), "-333");
  EXPECT_EQ(last_number("答案是−7。"), "-7");
  EXPECT_EQ(last_number("12-5"), "5");
  EXPECT_EQ(last_number("it is 1,234,567"), "1234567");
  EXPECT_EQ(last_number("7, 8"), "8");
  EXPECT_EQ(last_number("**56025**"), "56025");
  EXPECT_EQ(last_number(""), std::nullopt);
  EXPECT_EQ(last_number("none"), std::nullopt);
}

}  // namespace
}  // namespace hearth
