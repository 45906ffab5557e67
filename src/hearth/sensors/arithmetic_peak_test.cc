// The peaks are numbers that a machine can have, and wider instructions are not slower.
#include "hearth/sensors/arithmetic_peak.h"

#include <gtest/gtest.h>

#include "hearth/sensors/isa.h"

namespace hearth {
namespace {

TEST(ArithmeticPeak, Measures) {
  const auto peaks = measure_arithmetic_peaks(1, 0.005);
  ASSERT_TRUE(peaks.has_value()) << peaks.status().message();
  for (const Peak* peak : {&peaks->f32, &peaks->int8}) {
    EXPECT_GT(peak->gop_s, 1e-4);
    EXPECT_LT(peak->gop_s, 1e5);
    EXPECT_FALSE(peak->instruction_set.empty());
  }
  if (!detect_isa().avx512_bf16) {
    EXPECT_EQ(peaks->bf16.gop_s, 0);
  }
}

TEST(ArithmeticPeak, RefusesNoThread) {
  EXPECT_EQ(measure_arithmetic_peaks(0).status().code(), Code::invalid);
}

}  // namespace
}  // namespace hearth
