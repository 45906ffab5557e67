// The watch over a fake machine in real time: it heats, its driver hangs, it is left alone.
#include "hearth/host/machine_watch.h"

#include <gtest/gtest.h>

#include "hearth/sensors/testing.h"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using testing_sensors::FakeGpus;
using testing_sensors::FakeRoot;

WatchOptions fast(const FakeRoot& root, const std::string& nvml) {
  WatchOptions options;
  options.root = root.root();
  options.nvml = nvml;
  options.period = 5ms;
  options.governor.cool_seconds = 0.05;
  options.governor.hang_seconds = 0.2;
  return options;
}

bool becomes(const std::function<bool()>& true_soon) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!true_soon() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(2ms);
  }
  return true_soon();
}

TEST(MachineWatch, AMachineWithoutSensorsIsNeverHot) {
  FakeRoot root;
  const auto watch = MachineWatch::start(fast(root, "/nowhere/libnvidia-ml.so.1"));
  ASSERT_TRUE(watch.has_value());
  EXPECT_TRUE((*watch)->limits().admit);
  EXPECT_TRUE((*watch)->state().devices.empty());
}

TEST(MachineWatch, ADriverThatRefusesIsToldAtOnce) {
  FakeRoot root;
  FakeGpus gpus("init 999\n");
  const auto watch = MachineWatch::start(fast(root, gpus.library()));
  ASSERT_FALSE(watch.has_value());
  EXPECT_EQ(watch.status().code(), Code::internal);
}

TEST(MachineWatch, HeatsAndCools) {
  FakeRoot root;
  FakeGpus gpus("gpus 2\n");
  const auto watch = MachineWatch::start(fast(root, gpus.library()));
  ASSERT_TRUE(watch.has_value());
  EXPECT_TRUE(becomes([&] { return (*watch)->state().devices.size() == 2; }));
  gpus.script("1 temperature 90\n");
  EXPECT_TRUE(becomes([&] { return !(*watch)->limits().admit; }));
  EXPECT_EQ((*watch)->state().devices.at("gpu0").heat, Heat::ok);
  EXPECT_EQ((*watch)->state().devices.at("gpu1").heat, Heat::hot);
  gpus.script("1 temperature 50\n");
  EXPECT_TRUE(becomes([&] { return (*watch)->limits().admit; }));
}

TEST(MachineWatch, AHungDriverHoldsNobodyUp) {
  FakeRoot root;
  FakeGpus gpus("gpus 1\n");
  const auto watch = MachineWatch::start(fast(root, gpus.library()));
  ASSERT_TRUE(watch.has_value());
  gpus.script("0 hang 1\n");
  const auto hangs = [&] {
    return (*watch)->state().faults[static_cast<size_t>(MachineFault::sensor_hang)];
  };
  EXPECT_TRUE(becomes(hangs));
  EXPECT_EQ((*watch)->limits().share, 0.5);
  gpus.script("gpus 1\n");
  EXPECT_TRUE(becomes([&] { return !hangs(); }));
}

}  // namespace
}  // namespace hearth
