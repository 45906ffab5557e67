// The mount that holds a folder and the device below it, on machines that are described by files.
#include "hearth/sensors/disk.h"

#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using testing_sensors::FakeRoot;

constexpr const char* kMounts =
    "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n"
    "23 22 0:30 / /tmp rw - tmpfs tmpfs rw\n"
    "24 22 8:1 / /data rw - xfs /dev/sda1 rw\n"
    "25 22 0:41 / /data/models rw - nfs4 store:/models rw\n"
    "26 22 179:2 / /mnt/my\\040card rw - ext4 /dev/mmcblk0p2 rw\n"
    "27 22 254:0 / /vm rw - ext4 /dev/vda rw\n"
    "28 22 0:50 / /over rw - overlay overlay rw\n";

FakeRoot& server(FakeRoot& fake) {
  // A partition's folder lies within its disk's; the numbers link to them.
  return fake.file("/proc/self/mountinfo", kMounts)
      .file("/sys/dev/block/nvme0n1/queue/rotational", "0\n")
      .file("/sys/dev/block/nvme0n1/device/model", "Samsung SSD 990 PRO 2TB   \n")
      .file("/sys/dev/block/nvme0n1/259:2/partition", "2\n")
      .file("/sys/dev/block/nvme0n1/259:2/uevent", "MAJOR=259\nDEVNAME=nvme0n1p2\n")
      .link("/sys/dev/block/259:2", "nvme0n1/259:2")
      .file("/sys/dev/block/8:1/uevent", "DEVNAME=sda1\n")
      .file("/sys/dev/block/8:1/queue/rotational", "1\n")
      .file("/sys/dev/block/179:2/uevent", "DEVNAME=mmcblk0p2\n")
      .file("/sys/dev/block/254:0/uevent", "DEVNAME=vda\n")
      .file("/sys/dev/block/254:0/queue/rotational", "1\n");
}

TEST(Disk, OfEachMount) {
  FakeRoot fake;
  server(fake);
  const std::pair<const char*, DiskKind> expected[] = {
      {"/home/anna", DiskKind::nvme},         {"/tmp/x", DiskKind::memory},
      {"/data", DiskKind::hard_disk},         {"/data/models/r1", DiskKind::distributed},
      {"/data/modelsx", DiskKind::hard_disk}, {"/mnt/my card", DiskKind::card},
      {"/vm", DiskKind::virtual_disk},        {"/over/lay", DiskKind::unknown}};
  for (const auto& [folder, kind] : expected) {
    const auto disk = read_disk(folder, fake.root());
    ASSERT_TRUE(disk.has_value()) << folder;
    EXPECT_EQ(disk_kind_name(disk->kind), disk_kind_name(kind)) << folder;
  }
}

TEST(Disk, NamesDeviceAndModel) {
  FakeRoot fake;
  server(fake);
  const auto disk = read_disk("/home", fake.root());
  ASSERT_TRUE(disk.has_value());
  EXPECT_EQ(disk->device, "nvme0n1p2");
  EXPECT_EQ(disk->model, "Samsung SSD 990 PRO 2TB");
  EXPECT_EQ(disk->filesystem, "ext4");
}

TEST(Disk, OddMountsAreAStatus) {
  FakeRoot fake;
  EXPECT_EQ(read_disk("/", fake.root()).status().code(), Code::not_found);
  for (const char* bad : {"", "\n", "22 1 259:2 / / rw", "22 1 - ext4", "a - b\n - \n",
                          "22 1 259:2 / /mnt rw - ext4 /dev/sda rw"}) {
    fake.file("/proc/self/mountinfo", bad);
    EXPECT_EQ(read_disk("/", fake.root()).status().code(), Code::not_found) << bad;
  }
}

TEST(Disk, ThisMachine) {
  const auto disk = read_disk("/");
  ASSERT_TRUE(disk.has_value()) << disk.status().message();
  EXPECT_GT(disk->total_bytes, 0);
  EXPECT_LE(disk->free_bytes, disk->total_bytes);
}

TEST(Disk, MeasuresOrSaysWhyNot) {
  const auto read = measure_disk_read(testing::TempDir(), 8 << 20, 0.05);
  if (!read) {
    EXPECT_NE(read.status().code(), Code::internal) << read.status().message();
    GTEST_SKIP() << read.status().message();
  }
  EXPECT_GT(*read, 0);
  EXPECT_EQ(measure_disk_read("/no/such/folder", 1).status().code(), Code::unsupported);
}

}  // namespace
}  // namespace hearth
