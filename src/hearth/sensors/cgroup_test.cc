// Limits of containers, version 2 and 1, at every level.
#include "hearth/sensors/cgroup.h"

#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using testing_sensors::FakeRoot;

TEST(Cgroup, NoneIsNoLimit) {
  FakeRoot fake;
  const CgroupLimits limits = read_cgroup_limits(fake.root());
  EXPECT_FALSE(limits.memory_bytes || limits.memory_free_bytes || limits.cpus);
}

// systemd slice with a limit above ours: the tightest level counts, each limit by itself.
TEST(Cgroup, Version2TakesTheTightestLevel) {
  FakeRoot fake;
  fake.file("/proc/self/cgroup", "0::/user.slice/app.scope\n")
      .file("/sys/fs/cgroup/user.slice/memory.max", "1000000\n")
      .file("/sys/fs/cgroup/user.slice/memory.current", "700000\n")
      .file("/sys/fs/cgroup/user.slice/memory.stat", "anon 1\ninactive_file 200000\n")
      .file("/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n")
      .file("/sys/fs/cgroup/user.slice/app.scope/memory.max", "max\n")
      .file("/sys/fs/cgroup/user.slice/app.scope/cpu.max", "150000 100000\n");
  const CgroupLimits limits = read_cgroup_limits(fake.root());
  EXPECT_EQ(limits.memory_bytes, 1000000);
  EXPECT_EQ(limits.memory_free_bytes, 500000);
  EXPECT_EQ(limits.cpus, 1.5);
}

// Docker: the name is the host's, the mount shows only our own group.
TEST(Cgroup, ContainerSeesItsGroupAsTheRoot) {
  FakeRoot fake;
  fake.file("/proc/self/cgroup", "0::/system.slice/docker-17.scope\n")
      .file("/sys/fs/cgroup/memory.max", "536870912\n")
      .file("/sys/fs/cgroup/memory.current", "600000000\n")  // above its limit for a moment
      .file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  const CgroupLimits limits = read_cgroup_limits(fake.root());
  EXPECT_EQ(limits.memory_bytes, 536870912);
  EXPECT_EQ(limits.memory_free_bytes, 0);
  EXPECT_EQ(limits.cpus, 2);
}

TEST(Cgroup, Version1) {
  FakeRoot fake;
  fake.file("/proc/self/cgroup", "9:name=systemd:/\n4:memory:/job/7\n1:cpu,cpuacct:/job/7\n")
      .file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
      .file("/sys/fs/cgroup/memory/job/7/memory.limit_in_bytes", "4096000\n")
      .file("/sys/fs/cgroup/memory/job/7/memory.usage_in_bytes", "96000\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/job/7/cpu.cfs_quota_us", "250000\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/job/7/cpu.cfs_period_us", "100000\n");
  const CgroupLimits limits = read_cgroup_limits(fake.root());
  EXPECT_EQ(limits.memory_bytes, 4096000);
  EXPECT_EQ(limits.memory_free_bytes, 4000000);
  EXPECT_EQ(limits.cpus, 2.5);
}

TEST(Cgroup, NonsenseIsNoLimit) {
  FakeRoot fake;
  fake.file("/proc/self/cgroup", "0::/../../etc\nno colons\n:\n1:\n2:memory\n3:cpu:\n")
      .file("/sys/fs/cgroup/memory.max", "-5\n")
      .file("/sys/fs/cgroup/cpu.max", "1 0\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "many\n");
  const CgroupLimits limits = read_cgroup_limits(fake.root());
  EXPECT_FALSE(limits.memory_bytes || limits.memory_free_bytes || limits.cpus);
}

}  // namespace
}  // namespace hearth
