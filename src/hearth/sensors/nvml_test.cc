// NVML through a library that plays it (fake_nvml): what is read, what is missing, what fails.
#include "hearth/sensors/nvml.h"

#include "hearth/sensors/sensor_thread.h"
#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using testing_sensors::FakeGpus;

std::unique_ptr<Nvml> opened(const FakeGpus& fake) {
  auto nvml = Nvml::open(fake.library());
  EXPECT_TRUE(nvml.has_value()) << nvml.status().message();
  return nvml ? *std::move(nvml) : nullptr;
}

TEST(Nvml, NoDriver) {
  const auto nvml = Nvml::open("/nowhere/libnvidia-ml.so.1");
  ASSERT_FALSE(nvml.has_value());
  EXPECT_EQ(nvml.status().code(), Code::not_found);
}

TEST(Nvml, OfAnotherLibrary) {
  const auto nvml = Nvml::open("libc.so.6");
  ASSERT_FALSE(nvml.has_value());
  EXPECT_EQ(nvml.status().code(), Code::unsupported);
}

TEST(Nvml, DriverRefuses) {
  FakeGpus fake("init 9\n");
  const auto nvml = Nvml::open(fake.library());
  ASSERT_FALSE(nvml.has_value());
  EXPECT_EQ(nvml.status().code(), Code::internal);
  EXPECT_EQ(nvml.status().message(), "nvmlInit_v2: NVML error 9: Unknown Error");
}

TEST(Nvml, AllThatAGpuTells) {
  FakeGpus fake(
      "gpus 2\n1 temperature 61\n1 memory_temperature 70\n1 margin 26\n1 throttle 64\n"
      "1 power 312500\n1 power_limit 700000\n1 energy 5000\n1 memory 1000\n1 memory_used 300\n"
      "1 ecc 2\n1 recovery 1\n1 slowdown 87\n");
  const auto nvml = opened(fake);
  ASSERT_EQ(nvml->gpus().size(), 2u);
  const GpuInfo& info = nvml->gpus()[1];
  EXPECT_EQ(info.name, "Fake GPU");
  EXPECT_EQ(info.uuid, "GPU-1");
  EXPECT_EQ(info.memory_bytes, 1000);
  EXPECT_EQ(info.slowdown_c, 87);
  EXPECT_FALSE(info.pcie_width_max.has_value());
  const auto reading = nvml->read(1);
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->fault, GpuFault::none);
  EXPECT_EQ(reading->temperature_c, 61);
  EXPECT_EQ(reading->memory_temperature_c, 70);
  EXPECT_EQ(reading->margin_c, 26);
  EXPECT_EQ(reading->throttle_reasons, kThrottleHwThermal);
  EXPECT_EQ(reading->power_watts, 312.5);
  EXPECT_EQ(reading->power_limit_watts, 700);
  EXPECT_EQ(reading->energy_joules, 5);
  EXPECT_EQ(reading->memory_free_bytes, 700);
  EXPECT_EQ(reading->ecc_uncorrected, 2);
  EXPECT_EQ(reading->recovery_action, 1);
}

TEST(Nvml, AGpuThatTellsItsTemperatureAlone) {
  FakeGpus fake("gpus 1\n");
  const auto reading = opened(fake)->read(0);
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->temperature_c, 40);
  EXPECT_FALSE(reading->margin_c || reading->power_watts || reading->ecc_uncorrected ||
               reading->recovery_action || reading->throttle_reasons || reading->energy_joules);
}

TEST(Nvml, LostWhileItRuns) {
  FakeGpus fake("gpus 1\n");
  const auto nvml = opened(fake);
  fake.script("0 lost 1\n");
  EXPECT_EQ(nvml->read(0)->fault, GpuFault::lost);
  fake.script("0 reset 1\n");
  EXPECT_EQ(nvml->read(0)->fault, GpuFault::reset_required);
  fake.script("0 error 999\n");
  EXPECT_EQ(nvml->read(0).status().code(), Code::internal);
}

TEST(Nvml, LostBeforeItBegins) {
  FakeGpus fake("gpus 2\n0 lost 1\n");
  const auto nvml = opened(fake);
  ASSERT_EQ(nvml->gpus().size(), 2u);
  EXPECT_EQ(nvml->read(0)->fault, GpuFault::lost);
  EXPECT_EQ(nvml->read(1)->fault, GpuFault::none);
}

TEST(Nvml, AHungDriverIsNotWaitedFor) {
  FakeGpus fake("gpus 1\n");
  const std::shared_ptr<Nvml> nvml = opened(fake);
  const auto read = [nvml] { return nvml->read(0); };
  EXPECT_TRUE(within(5s, read).has_value());
  fake.script("0 hang 1\n");
  EXPECT_FALSE(within(50ms, read).has_value());
  SensorThread<Result<GpuReading>> sensor(read, 1ms);
  EXPECT_FALSE(sensor.latest().value.has_value());
  fake.script("gpus 1\n");  // it comes back
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (sensor.latest().reads < 3 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_GE(sensor.latest().reads, 3);
  EXPECT_LT(sensor.latest().age, 5s);
}

TEST(SensorThread, IsLeftBehindWhileItHangs) {
  auto wait = std::make_shared<std::atomic<bool>>(true);
  const auto begin = std::chrono::steady_clock::now();
  {
    SensorThread<int> sensor(
        [wait] {
          while (*wait) std::this_thread::sleep_for(1ms);
          return 1;
        },
        1ms);
    EXPECT_EQ(sensor.latest().reads, 0);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  *wait = false;
}

TEST(Nvml, ThisMachine) {
  const auto nvml = Nvml::open();
  if (!nvml) GTEST_SKIP() << nvml.status().message();
  for (const GpuInfo& gpu : (*nvml)->gpus()) {
    const auto reading = (*nvml)->read(gpu.index);
    ASSERT_TRUE(reading.has_value()) << reading.status().message();
    EXPECT_FALSE(gpu.name.empty());
    EXPECT_GT(gpu.memory_bytes, 0);
    EXPECT_GT(reading->temperature_c.value_or(0), 0);
    EXPECT_LT(reading->temperature_c.value_or(0), 120);
    fmt::print("{}: {} C, margin {}, {} W, throttle {:#x}, ECC {}, recovery {}\n", gpu.name,
               *reading->temperature_c, reading->margin_c.value_or(-1),
               reading->power_watts.value_or(-1), reading->throttle_reasons.value_or(0),
               reading->ecc_uncorrected.value_or(-1), reading->recovery_action.value_or(-1));
  }
}

}  // namespace
}  // namespace hearth
