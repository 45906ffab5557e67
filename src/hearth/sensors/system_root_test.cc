// Text of /proc and /sys: what is well-formed is read, anything else is nothing.
#include "hearth/sensors/system_root.h"

#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using testing_sensors::FakeRoot;

TEST(ParseCpuList, ReadsRanges) {
  EXPECT_EQ(parse_cpu_list("0-3,8,10-11\n"), (std::vector{0, 1, 2, 3, 8, 10, 11}));
  EXPECT_EQ(parse_cpu_list(" 7 "), std::vector{7});
  EXPECT_EQ(parse_cpu_list("\n"), std::vector<int>{});
}

TEST(ParseCpuList, RefusesNonsense) {
  for (const char* bad : {"a", "3-1", "-1", "1-", "0-65536", "1;2", "99999999999999999999", "0-0x3",
                          "0-65535,0-65535"}) {
    EXPECT_FALSE(parse_cpu_list(bad).has_value()) << bad;
  }
}

TEST(ParseInt, WholeNumbersOnly) {
  EXPECT_EQ(parse_int(" 42\n"), 42);
  EXPECT_EQ(parse_int("-1"), -1);
  for (const char* bad : {"", "max", "1.5", "1 2", "9223372036854775808"}) {
    EXPECT_FALSE(parse_int(bad).has_value()) << bad;
  }
}

TEST(FindField, MatchesTheWholeKey) {
  const char* text = "MemTotalX: 1 kB\nMemTotal:     2 kB\nmodel name\t: A: B\n";
  EXPECT_EQ(find_field(text, "MemTotal"), "2 kB");
  EXPECT_EQ(find_field(text, "model name"), "A: B");
  EXPECT_FALSE(find_field(text, "model").has_value());
}

TEST(ParseKb, ChecksUnitAndOverflow) {
  EXPECT_EQ(parse_kb("2 kB"), 2048);
  for (const char* bad : {"2", "2 MB", "-2 kB", "kB", " kB", "9223372036854775807 kB"}) {
    EXPECT_FALSE(parse_kb(bad).has_value()) << bad;
  }
}

TEST(SystemRoot, MissingAndTooLongAreErrors) {
  FakeRoot fake;
  fake.file("/proc/long", std::string((4 << 20) + 1, 'x'));
  EXPECT_EQ(fake.root().read("/proc/absent").status().code(), Code::not_found);
  EXPECT_EQ(fake.root().read("/proc/long").status().code(), Code::corrupt);
  EXPECT_FALSE(fake.root().read("/proc").has_value());  // a folder
  EXPECT_FALSE(fake.root().read_int("/proc/absent").has_value());
}

}  // namespace
}  // namespace hearth
