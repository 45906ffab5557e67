// Wilson intervals against values from published tables.
#include "hearth/eval/statistics.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace hearth
