// The measurement ends in time and gives a number; its size follows the caches and the memory.
#include "hearth/sensors/bandwidth.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

constexpr int64_t kMiB = 1 << 20;

TEST(Bandwidth, BufferFollowsCachesAndMemory) {
  EXPECT_EQ(bandwidth_buffer_bytes(0, 4, 8192 * kMiB), 64 * kMiB);
  EXPECT_EQ(bandwidth_buffer_bytes(32 * kMiB, 4, 8192 * kMiB), 128 * kMiB);
  EXPECT_EQ(bandwidth_buffer_bytes(768 * kMiB, 1, 65536 * kMiB), 256 * kMiB);
  EXPECT_EQ(bandwidth_buffer_bytes(32 * kMiB, 4, 256 * kMiB), 32 * kMiB);
  EXPECT_EQ(bandwidth_buffer_bytes(INT64_MAX, 1, INT64_MAX), 256 * kMiB);
}

TEST(Bandwidth, Measures) {
  const auto result = measure_read_bandwidth(2, 16 * kMiB, 0.02);
  ASSERT_TRUE(result.has_value()) << result.status().message();
  EXPECT_GT(result->read_gb_s, 0.01);
  EXPECT_GE(result->passes, 1);
  EXPECT_EQ(result->buffer_bytes, 16 * kMiB);
}

TEST(Bandwidth, RefusesNothingToRead) {
  EXPECT_EQ(measure_read_bandwidth(2, 0).status().code(), Code::invalid);
  EXPECT_EQ(measure_read_bandwidth(0, 64 * kMiB).status().code(), Code::invalid);
  EXPECT_EQ(measure_read_bandwidth(4, 3 * 4096).status().code(), Code::invalid);
}

}  // namespace
}  // namespace hearth
