// Temperatures of a PC, a Raspberry Pi and a virtual machine, and files that say nonsense.
#include "hearth/sensors/thermal.h"

#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using testing_sensors::FakeRoot;

TEST(Thermal, DesktopPc) {
  FakeRoot fake;
  fake.file("/sys/class/hwmon/hwmon0/name", "nvme\n")
      .file("/sys/class/hwmon/hwmon0/temp1_input", "91850\n")
      .file("/sys/class/hwmon/hwmon0/temp1_label", "Composite\n")
      .file("/sys/class/hwmon/hwmon3/name", "k10temp\n")
      .file("/sys/class/hwmon/hwmon3/temp1_input", "71250\n")
      .file("/sys/class/hwmon/hwmon3/temp1_label", "Tctl\n")
      .file("/sys/class/hwmon/hwmon3/temp3_input", "73500\n")
      .file("/sys/class/hwmon/hwmon3/temp3_crit", "95000\n");
  const auto readings = read_thermal(fake.root());
  ASSERT_EQ(readings.size(), 3u);
  EXPECT_EQ(readings[0].name, "k10temp/Tctl");
  EXPECT_EQ(readings[0].celsius, 71.25);
  EXPECT_EQ(readings[2].name, "nvme/Composite");
  EXPECT_EQ(readings[2].kind, ThermalKind::other);
  const auto hottest = hottest_cpu(readings);  // the disk is hotter, and no CPU
  ASSERT_TRUE(hottest.has_value());
  EXPECT_EQ(hottest->name, "k10temp/temp3");
  EXPECT_EQ(hottest->celsius, 73.5);
  EXPECT_EQ(hottest->critical_c, 95);
}

TEST(Thermal, RaspberryPi) {
  FakeRoot fake;
  fake.file("/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
      .file("/sys/class/thermal/thermal_zone0/temp", "48686\n")
      .file("/sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n")
      .file("/sys/class/thermal/thermal_zone0/trip_point_0_temp", "80000\n")
      .file("/sys/class/thermal/thermal_zone0/trip_point_1_type", "critical\n")
      .file("/sys/class/thermal/thermal_zone0/trip_point_1_temp", "110000\n");
  const auto hottest = hottest_cpu(read_thermal(fake.root()));
  ASSERT_TRUE(hottest.has_value());
  EXPECT_EQ(hottest->celsius, 48.686);
  EXPECT_EQ(hottest->critical_c, 110);
}

TEST(Thermal, VirtualMachineHasNone) {
  FakeRoot fake;
  EXPECT_TRUE(read_thermal(fake.root()).empty());
  EXPECT_FALSE(hottest_cpu({}).has_value());
}

TEST(Thermal, NonsenseIsNoTemperature) {
  for (const char* bad : {"", "hot", "-128000", "255000", "1e3", "99999999999999999999"}) {
    FakeRoot fake;
    fake.file("/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
        .file("/sys/class/thermal/thermal_zone0/temp", bad);
    const auto hottest = hottest_cpu(read_thermal(fake.root()));
    ASSERT_TRUE(hottest.has_value()) << bad;
    EXPECT_FALSE(hottest->celsius.has_value()) << bad;
  }
}

TEST(Thermal, ASensorThatAnswersCoversOneThatDoesNot) {
  const std::vector<ThermalReading> readings = {{"a", ThermalKind::cpu, std::nullopt, std::nullopt},
                                                {"b", ThermalKind::cpu, 50, std::nullopt}};
  EXPECT_EQ(hottest_cpu(readings)->name, "b");
}

TEST(Thermal, ThisMachine) {
  for (const ThermalReading& reading : read_thermal()) EXPECT_FALSE(reading.name.empty());
}

}  // namespace
}  // namespace hearth
