// The machine's memory, with and without a container's limit, and this process's own.
#include "hearth/sensors/memory.h"

#include <cstring>

#include "hearth/base/huge_memory.h"
#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using testing_sensors::FakeRoot;

constexpr const char* kPi5 =
    "MemTotal:        8245584 kB\nMemFree:         5631216 kB\nMemAvailable:    7298320 kB\n"
    "Cached:          1601360 kB\nSwapTotal:        524272 kB\nSwapFree:         524000 kB\n";

TEST(Memory, RaspberryPi) {
  FakeRoot fake;
  fake.file("/proc/meminfo", kPi5);
  const auto info = read_memory(fake.root());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->total_bytes, 8245584 * int64_t{1024});
  EXPECT_EQ(info->usable_total_bytes(), info->total_bytes);
  EXPECT_EQ(info->usable_available_bytes(), 7298320 * int64_t{1024});
  EXPECT_EQ(info->swap_free_bytes, 524000 * 1024);
}

TEST(Memory, ContainerLimit) {
  FakeRoot fake;
  fake.file("/proc/meminfo", kPi5)
      .file("/proc/self/cgroup", "0::/\n")
      .file("/sys/fs/cgroup/memory.max", "1000000")
      .file("/sys/fs/cgroup/memory.current", "400000");
  const auto info = read_memory(fake.root());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->usable_total_bytes(), 1000000);
  EXPECT_EQ(info->usable_available_bytes(), 600000);
}

TEST(Memory, OldKernelHasNoEstimate) {
  FakeRoot fake;
  fake.file("/proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nCached: 50 kB\n");
  const auto info = read_memory(fake.root());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->available_bytes, 150 * 1024);
}

TEST(Memory, UnreadableIsAStatus) {
  FakeRoot fake;
  EXPECT_EQ(read_memory(fake.root()).status().code(), Code::not_found);
  for (const char* bad : {"", "MemTotal: lots\n", "MemTotal: 1 kB\n", "MemTotal: 1 MB\n"}) {
    fake.file("/proc/meminfo", bad);
    EXPECT_EQ(read_memory(fake.root()).status().code(), Code::unsupported) << bad;
  }
  EXPECT_FALSE(read_process_memory(fake.root()).has_value());
}

TEST(Memory, ThisMachine) {
  const auto info = read_memory();
  ASSERT_TRUE(info.has_value()) << info.status().message();
  EXPECT_GT(info->total_bytes, 0);
  EXPECT_LE(info->usable_available_bytes(), info->usable_total_bytes());
}

TEST(ProcessMemory, ThisProcess) {
  const auto memory = read_process_memory();
  ASSERT_TRUE(memory.has_value()) << memory.status().message();
  EXPECT_GT(memory->resident_bytes, 100000);
  EXPECT_GE(memory->peak_resident_bytes, memory->resident_bytes);
}

TEST(ProcessMemory, ForgetsItsPeak) {
  constexpr int64_t kBytes = 64 << 20;
  {
    // Of the system itself: a sanitizer's allocator would keep what it gets back.
    auto memory = HugeMemory::allocate(kBytes);
    ASSERT_TRUE(memory.has_value());
    std::memset(memory->data(), 1, kBytes);
  }
  const int64_t before = read_process_memory()->peak_resident_bytes;
  if (!forget_peak_memory()) GTEST_SKIP() << "the kernel keeps the peak";
  EXPECT_LT(read_process_memory()->peak_resident_bytes, before - kBytes / 2);
}

}  // namespace
}  // namespace hearth
