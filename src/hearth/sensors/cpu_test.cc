// A Raspberry Pi, a two-socket server, a container, and trees with little or nonsense in them.
#include "hearth/sensors/cpu.h"

#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using testing_sensors::FakeRoot;

void add_cpu(FakeRoot& fake, int cpu, int package, const std::string& siblings) {
  const std::string folder = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
  fake.file(folder + "physical_package_id", fmt::format("{}\n", package));
  fake.file(folder + "thread_siblings_list", siblings + "\n");
}

void add_cache(FakeRoot& fake, int index, int level, const char* type, const char* size,
               const char* shared) {
  const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", index);
  fake.file(folder + "level", fmt::format("{}\n", level))
      .file(folder + "type", fmt::format("{}\n", type))
      .file(folder + "size", fmt::format("{}\n", size))
      .file(folder + "shared_cpu_list", fmt::format("{}\n", shared));
}

void make_raspberry_pi(FakeRoot& fake) {
  fake.file("/proc/cpuinfo",
            "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm\n\n"
            "Revision\t: d04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n")
      .file("/sys/devices/system/cpu/online", "0-3\n");
  for (int cpu = 0; cpu < 4; ++cpu) add_cpu(fake, cpu, 0, std::to_string(cpu));
}

// Two sockets, 4 cores each, two hardware threads a core: 0-7 first threads, 8-15 second ones.
void make_epyc(FakeRoot& fake) {
  fake.file("/proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC 9654 96-Core Processor\n")
      .file("/sys/devices/system/cpu/online", "0-15\n")
      .file("/proc/self/status", "Name:\tx\nCpus_allowed:\tffff\nCpus_allowed_list:\t0-15\n")
      .file("/sys/devices/system/node/online", "0-1\n")
      .file("/sys/devices/system/node/node0/cpulist", "0-3,8-11\n")
      .file("/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       1000 kB\n")
      .file("/sys/devices/system/node/node1/cpulist", "4-7,12-15\n")
      .file("/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:       2000 kB\n");
  for (int cpu = 0; cpu < 16; ++cpu) {
    add_cpu(fake, cpu, cpu % 8 / 4, fmt::format("{},{}", cpu % 8, cpu % 8 + 8));
  }
  add_cache(fake, 0, 1, "Data", "32K", "0,8");
  add_cache(fake, 1, 1, "Instruction", "32K", "0,8");
  add_cache(fake, 2, 2, "Unified", "1024K", "0,8");
  add_cache(fake, 3, 3, "Unified", "32M", "0-3,8-11");
}

TEST(Cpu, RaspberryPi) {
  FakeRoot fake;
  make_raspberry_pi(fake);
  const auto info = read_cpu(fake.root());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->model, "Raspberry Pi 5 Model B Rev 1.0");
  EXPECT_EQ(info->board, info->model);
  EXPECT_EQ(info->cores, 4);
  EXPECT_EQ(info->sockets, 1);
  EXPECT_EQ(info->usable_threads(), 4);
  EXPECT_TRUE(info->nodes.empty());
  EXPECT_EQ(info->last_level_cache_bytes(), 0);
}

TEST(Cpu, TwoSockets) {
  FakeRoot fake;
  make_epyc(fake);
  const auto info = read_cpu(fake.root());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->model, "AMD EPYC 9654 96-Core Processor");
  EXPECT_EQ(info->sockets, 2);
  EXPECT_EQ(info->cores, 8);
  EXPECT_EQ(info->hardware_threads, 16);
  EXPECT_EQ(info->usable_threads(), 8);
  ASSERT_EQ(info->caches.size(), 4u);
  EXPECT_EQ(info->caches[2].instances, 8);
  EXPECT_EQ(info->last_level_cache_bytes(), 2 * (32 << 20));
  ASSERT_EQ(info->nodes.size(), 2u);
  EXPECT_EQ(info->nodes[1].memory_bytes, 2000 * 1024);
  EXPECT_EQ(info->nodes[1].cpus, (std::vector{4, 5, 6, 7, 12, 13, 14, 15}));
}

// taskset to three hardware threads on two cores; then a container's quota below that.
TEST(Cpu, AffinityAndQuota) {
  FakeRoot fake;
  make_epyc(fake);
  fake.file("/proc/self/status", "Cpus_allowed_list:\t2,5,10\n");
  auto info = read_cpu(fake.root());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->allowed, (std::vector{2, 5, 10}));
  EXPECT_EQ(info->usable_threads(), 2);
  fake.file("/proc/self/cgroup", "0::/\n").file("/sys/fs/cgroup/cpu.max", "190000 100000\n");
  info = read_cpu(fake.root());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->quota_cpus, 1.9);
  EXPECT_EQ(info->usable_threads(), 1);
  fake.file("/sys/fs/cgroup/cpu.max", "10000 100000\n");
  EXPECT_EQ(read_cpu(fake.root())->usable_threads(), 1);
}

TEST(Cpu, WithoutSysfs) {
  FakeRoot fake;
  fake.file("/proc/cpuinfo", "processor\t: 0\n\nprocessor\t: 1\n");
  const auto info = read_cpu(fake.root());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->model, "unknown");
  EXPECT_EQ(info->hardware_threads, 2);
  EXPECT_EQ(info->usable_threads(), 2);
}

TEST(Cpu, NonsenseIsPassedOver) {
  FakeRoot fake;
  EXPECT_EQ(read_cpu(fake.root()).status().code(), Code::not_found);
  fake.file("/proc/cpuinfo", "")
      .file("/proc/self/status", "Cpus_allowed_list:\t9-1\n")
      .file("/sys/devices/system/cpu/online", "all of them")
      .file("/sys/devices/system/node/online", "0-x");
  add_cache(fake, 0, 1, "Data", "-4K", "none");
  add_cache(fake, 1, 2, "Unified", "9223372036854775807M", "");
  const auto info = read_cpu(fake.root());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->usable_threads(), 1);
  EXPECT_EQ(info->last_level_cache_bytes(), 0);
}

TEST(Cpu, ThisMachine) {
  const auto info = read_cpu();
  ASSERT_TRUE(info.has_value()) << info.status().message();
  EXPECT_GE(info->usable_threads(), 1);
  EXPECT_LE(info->cores, info->hardware_threads);
}

}  // namespace
}  // namespace hearth
