// Counters that advance, wrap, lack or refuse.
#include "hearth/sensors/rapl.h"

#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using testing_sensors::FakeRoot;

constexpr const char* kZone = "/sys/class/powercap/intel-rapl:0";

void zone(FakeRoot& fake, const std::string& path, const char* name, int64_t uj) {
  fake.file(path + "/name", name)
      .file(path + "/max_energy_range_uj", "1000000000\n")
      .file(path + "/energy_uj", std::to_string(uj) + "\n");
}

TEST(Rapl, SumsPackageAndMemoryButNotThePackagesParts) {
  FakeRoot fake;
  zone(fake, kZone, "package-0\n", 100);
  zone(fake, std::string(kZone) + ":0", "core\n", 100);
  zone(fake, std::string(kZone) + ":1", "dram\n", 0);
  auto counter = RaplCounter::open(fake.root());
  ASSERT_TRUE(counter.has_value());
  EXPECT_EQ(counter->joules(), 0);
  zone(fake, kZone, "package-0\n", 5'000'100);
  zone(fake, std::string(kZone) + ":0", "core\n", 4'000'000);
  zone(fake, std::string(kZone) + ":1", "dram\n", 2'000'000);
  EXPECT_DOUBLE_EQ(counter->joules(), 7);
}

TEST(Rapl, Wraps) {
  FakeRoot fake;
  zone(fake, kZone, "package-0\n", 999'000'000);
  auto counter = RaplCounter::open(fake.root());
  ASSERT_TRUE(counter.has_value());
  zone(fake, kZone, "package-0\n", 1'000'000);
  EXPECT_DOUBLE_EQ(counter->joules(), 2);
  fake.file(std::string(kZone) + "/energy_uj", "nonsense");
  EXPECT_DOUBLE_EQ(counter->joules(), 2);
}

TEST(Rapl, SaysWhyThereIsNone) {
  FakeRoot none;
  EXPECT_EQ(RaplCounter::open(none.root()).status().code(), Code::not_found);
  FakeRoot locked;
  locked.file(std::string(kZone) + "/name", "package-0\n");
  EXPECT_EQ(RaplCounter::open(locked.root()).status().code(), Code::unsupported);
}

}  // namespace
}  // namespace hearth
