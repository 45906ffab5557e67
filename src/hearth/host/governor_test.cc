// The governor held to its promises by traces: sixty that a fake driver and a fake /sys play
// through the real sensors, thousands of random ones without them. An oracle that knows only the
// samples says when requests may be let in.
#include "hearth/host/governor.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "hearth/sensors/testing.h"
#include "hearth/sensors/thermal.h"

namespace hearth {
namespace {

using std::chrono::milliseconds;
using testing_sensors::FakeGpus;
using testing_sensors::FakeRoot;

constexpr milliseconds kPeriod{500};

Governor::Time at(int64_t sample) {
  return Governor::Time() + sample * kPeriod;
}

DeviceReading gpu_at(double celsius, int64_t sample) {
  DeviceReading reading;
  reading.name = "gpu0";
  reading.gpu = true;
  reading.answered = true;
  reading.values.temperature_c = celsius;
  reading.reads = sample + 1;
  return reading;
}

// A governor that is shown one GPU, a sample every half second.
struct Trace {
  const MachineState& show(double celsius) { return show(gpu_at(celsius, sample)); }
  const MachineState& show(DeviceReading reading) {
    const Governor::Time now = at(sample++);
    return governor.update(now, {&reading, 1});
  }
  // `seconds` of the same temperature; how often `admit` changed meanwhile.
  int hold(double celsius, double seconds) {
    int changes = 0;
    for (int i = 0; i < seconds * 2; ++i) {
      const bool before = governor.state().limits.admit;
      changes += show(celsius).limits.admit != before ? 1 : 0;
    }
    return changes;
  }
  bool admits() const { return governor.state().limits.admit; }
  bool has(MachineFault fault) const { return governor.state().faults[static_cast<size_t>(fault)]; }

  Governor governor{GovernorOptions()};
  int64_t sample = 0;
};

TEST(Governor, WarmThenHotThenCoolAgain) {
  Trace trace;
  EXPECT_EQ(trace.show(79).limits.share, 1);
  EXPECT_EQ(trace.show(80).heat, Heat::warm);
  EXPECT_EQ(trace.governor.state().limits.share, 0.5);
  EXPECT_TRUE(trace.show(85).limits.admit);  // once may be noise
  const MachineState& hot = trace.show(85);
  EXPECT_EQ(hot.heat, Heat::hot);
  EXPECT_FALSE(hot.limits.admit);
  EXPECT_EQ(hot.limits.share, 0.25);
  EXPECT_GT(hot.limits.retry_after, 0);
  EXPECT_EQ(trace.hold(79, 10), 0);
  EXPECT_EQ(trace.hold(79, 1), 1);
  EXPECT_EQ(trace.governor.state().heat, Heat::warm);
  EXPECT_EQ(trace.hold(74, 11), 0);
  EXPECT_EQ(trace.governor.state().heat, Heat::ok);
}

TEST(Governor, ARippleStopsOnce) {
  Trace trace;
  int changes = 0;
  for (int i = 0; i < 1200; ++i) {  // ten minutes between 84 and 86
    const bool before = trace.admits();
    changes += trace.show(84 + i % 5 / 2.0).limits.admit != before ? 1 : 0;
  }
  EXPECT_EQ(changes, 1);
}

TEST(Governor, ASpikeWhileItCoolsBeginsTheTimeAgain) {
  Trace trace;
  trace.hold(90, 1);
  trace.hold(70, 9);
  trace.show(80);
  EXPECT_EQ(trace.hold(70, 10), 0);
  EXPECT_EQ(trace.hold(70, 1), 1);
}

TEST(Governor, TheGpusOwnWordCountsToo) {
  Trace margin;
  DeviceReading near = gpu_at(60, 0);
  near.values.margin_c = 2;
  margin.show(near);
  near.reads = 2;
  EXPECT_FALSE(margin.show(near).limits.admit);
  Trace throttled;
  DeviceReading slow = gpu_at(60, 0);
  slow.values.throttle_reasons = kThrottleHwThermal;
  throttled.show(slow);
  slow.reads = 2;
  EXPECT_FALSE(throttled.show(slow).limits.admit);
}

TEST(Governor, TheSameReadingTwiceIsOneSample) {
  Trace trace;
  trace.show(90);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(trace.show(gpu_at(90, 0)).limits.admit);
}

TEST(Governor, ACpuHasLimitsOfItsOwn) {
  Trace trace;
  DeviceReading cpu = gpu_at(104, 0);
  cpu.gpu = false;
  trace.show(cpu);
  cpu.reads = 2;
  EXPECT_TRUE(trace.show(cpu).limits.admit);
  EXPECT_EQ(trace.governor.state().heat, Heat::warm);
}

TEST(Governor, FaultsThatDrainAreKept) {
  Trace ecc;
  DeviceReading reading = gpu_at(50, 0);
  reading.values.ecc_uncorrected = 7;  // from before we came
  EXPECT_TRUE(ecc.show(reading).limits.admit);
  reading.values.ecc_uncorrected = 8;
  EXPECT_FALSE(ecc.show(reading).limits.admit);
  EXPECT_TRUE(ecc.has(MachineFault::ecc));
  reading.values.ecc_uncorrected = 0;
  EXPECT_FALSE(ecc.show(reading).limits.admit);

  Trace lost;
  DeviceReading gone = gpu_at(50, 0);
  gone.values = {};
  gone.values.fault = GpuFault::lost;
  EXPECT_FALSE(lost.show(gone).limits.admit);
  lost.hold(40, 60);
  EXPECT_FALSE(lost.admits());
}

TEST(Governor, ASilentDriverSlowsItDownAndHealsNoHeat) {
  Trace trace;
  trace.hold(86, 1);
  DeviceReading old = gpu_at(86, 1);
  for (int i = 0; i < 120; ++i) {
    old.age_seconds = i / 2.0;
    trace.show(old);
  }
  EXPECT_TRUE(trace.has(MachineFault::sensor_hang));
  EXPECT_FALSE(trace.admits());  // still as hot as it was last seen
  EXPECT_EQ(trace.hold(60, 10), 0);
  EXPECT_EQ(trace.hold(60, 1), 1);
  EXPECT_FALSE(trace.has(MachineFault::sensor_hang));

  Trace cool;
  old = gpu_at(50, 0);
  old.age_seconds = 6;
  EXPECT_TRUE(cool.show(old).limits.admit);
  EXPECT_EQ(cool.governor.state().limits.share, 0.5);
}

TEST(Governor, APolicyForEachFault) {
  for (const auto& [name, admits, share] :
       {std::tuple("ignore", true, 1.0), {"slow", true, 0.5}, {"drain", false, 1.0}}) {
    GovernorOptions options;
    options.policies[static_cast<size_t>(MachineFault::sensor_hang)] = *find_fault_policy(name);
    Governor governor(options);
    DeviceReading old = gpu_at(50, 0);
    old.age_seconds = 6;
    const MachineState& state = governor.update(at(0), {&old, 1});
    EXPECT_EQ(state.limits.admit, admits) << name;
    EXPECT_EQ(state.limits.share, share) << name;
  }
  EXPECT_FALSE(find_fault_policy("stop").has_value());
}

TEST(Governor, ErrorsInARowAreALostSensor) {
  Trace trace;
  DeviceReading broken = gpu_at(0, 0);
  broken.answered = false;
  for (int i = 1; i <= 5; ++i) {
    EXPECT_FALSE(trace.has(MachineFault::sensor_lost));
    broken.reads = i;
    trace.show(broken);
  }
  EXPECT_TRUE(trace.has(MachineFault::sensor_lost));
  trace.sample = 5;
  trace.show(50);
  EXPECT_FALSE(trace.has(MachineFault::sensor_lost));  // `slow` lasts as long as the fault
}

TEST(Governor, RefusesThresholdsOutOfOrder) {
  GovernorOptions options;
  options.gpu.resume = 85;
  EXPECT_EQ(options.check().code(), Code::invalid);
  EXPECT_EQ(GovernorOptions().check().code(), Code::ok);
}

// What may be let in, from the samples alone and written the other way round: by looking back.
class Oracle {
 public:
  void sample(Governor::Time now, double celsius) { seen_.emplace_back(now, celsius); }
  bool hot() const {
    bool hot = false;
    std::optional<Governor::Time> cool;
    for (size_t i = 0; i < seen_.size(); ++i) {
      const auto& [now, celsius] = seen_[i];
      if (celsius >= 80) cool.reset();
      if (celsius < 80 && !cool) cool = now;
      if (i > 0 && celsius >= 85 && seen_[i - 1].second >= 85) hot = true;
      if (hot && cool && now - *cool >= std::chrono::seconds(10)) hot = false;
    }
    return hot;
  }

 private:
  std::vector<std::pair<Governor::Time, double>> seen_;
};

// A random walk that likes the thresholds.
TEST(Governor, RandomTracesAgreeWithTheOracle) {
  std::mt19937 random(20261127);
  for (int trace_number = 0; trace_number < 300; ++trace_number) {
    Trace trace;
    Oracle oracle;
    std::normal_distribution<double> step(0, 1 + trace_number % 7);
    double celsius = 70;
    int changes = 0;
    for (int i = 0; i < 200; ++i) {
      celsius = std::clamp(celsius + step(random), 60.0, 95.0);
      oracle.sample(at(i), celsius);
      const bool before = trace.admits();
      trace.show(celsius);
      ASSERT_EQ(trace.admits(), !oracle.hot()) << "trace " << trace_number << ", sample " << i;
      changes += trace.admits() != before ? 1 : 0;
    }
    EXPECT_LE(changes, 2 * (100 / 10) + 1);  // 100 seconds, at least ten between two stops
  }
}

// What the fake driver and the fake /sys show at a moment of a trace.
struct Moment {
  double gpu = 50, cpu = 50;
  bool lost = false, error = false, hangs = false, no_cpu = false;
  int ecc = 0;
};

struct Plot {
  const char* name;
  std::function<Moment(int sample, std::mt19937& random)> at;
  bool drains = false;  // it must, in the end
  bool heats = false;
};

double ramp(int sample, int begin, int end, double from, double to) {
  const double way = std::clamp((sample - begin) / static_cast<double>(end - begin), 0.0, 1.0);
  return from + (to - from) * way;
}

std::vector<Plot> plots() {
  const auto noise = [](std::mt19937& random) { return static_cast<double>(random() % 3); };
  return {
      {"idle", [noise](int, std::mt19937& r) { return Moment{.gpu = 40 + noise(r)}; }},
      {"heats and cools",
       [noise](int i, std::mt19937& r) {
         return Moment{.gpu =
                           (i < 30 ? ramp(i, 0, 20, 60, 88) : ramp(i, 30, 40, 88, 60)) + noise(r)};
       },
       false, true},
      {"the CPU heats",
       [](int i, std::mt19937&) { return Moment{.cpu = i < 30 ? ramp(i, 0, 20, 60, 99) : 60}; },
       false, true},
      {"sensor stuck", [](int, std::mt19937&) { return Moment{.gpu = 61}; }},
      {"sensor stuck hot", [](int i, std::mt19937&) { return Moment{.gpu = i < 60 ? 91.0 : 50.0}; },
       false, true},
      {"sensor lost", [](int i, std::mt19937&) { return Moment{.error = i > 10 && i < 50}; }},
      {"the CPU's sensor vanishes", [](int i, std::mt19937&) { return Moment{.no_cpu = i > 10}; }},
      {"driver hangs while hot",
       [](int i, std::mt19937&) {
         return Moment{.gpu = i < 40 ? 87.0 : 50.0, .hangs = i > 10 && i < 40};
       },
       false, true},
      {"GPU lost", [](int i, std::mt19937&) { return Moment{.lost = i > 20 && i < 30}; }, true},
      {"ECC burst", [](int i, std::mt19937&) { return Moment{.ecc = i < 20 ? 0 : i}; }, true},
  };
}

// Plays one trace; the samples go through NVML and /sys as they do in a server.
void play(const Plot& plot, unsigned seed, FakeGpus& gpus, FakeRoot& root, const Nvml& nvml) {
  std::mt19937 random(seed);
  GovernorOptions options;
  options.cpu = {95, 90};
  Governor governor(options);
  int64_t gpu_reads = 0;
  double gpu_age = 0, last_gpu = 0, last_cpu = 0;
  bool heated = false;
  const int samples = 85 + static_cast<int>(seed);
  for (int i = 0; i < samples; ++i) {
    const Moment moment = plot.at(i, random);
    gpus.script(fmt::format("0 temperature {}\n0 ecc {}\n{}{}", static_cast<int>(moment.gpu),
                            moment.ecc, moment.lost ? "0 lost 1\n" : "",
                            moment.error ? "0 error 999\n" : ""));
    root.file("/sys/class/thermal/thermal_zone0/type", moment.no_cpu ? "none" : "cpu-thermal")
        .file("/sys/class/thermal/thermal_zone0/temp",
              std::to_string(static_cast<int>(moment.cpu * 1000)));
    DeviceReading gpu, cpu;
    gpu.name = "gpu0";
    gpu.gpu = true;
    const auto values = nvml.read(0);
    gpu.answered = values.has_value();
    if (gpu.answered) gpu.values = *values;
    gpu_age = moment.hangs ? gpu_age + 0.5 : 0;  // as a SensorThread would tell
    gpu.reads = moment.hangs ? gpu_reads : ++gpu_reads;
    gpu.age_seconds = gpu_age;
    cpu.name = "cpu";
    if (const auto hottest = hottest_cpu(read_thermal(root.root()))) {
      cpu.answered = hottest->celsius.has_value();
      cpu.values.temperature_c = hottest->celsius;
    }
    cpu.reads = i + 1;
    const std::array<DeviceReading, 2> readings = {gpu, cpu};
    const MachineState& state = governor.update(at(i), readings);
    const bool seen = !moment.hangs && !moment.lost && !moment.error;
    if (seen && i > 0 && std::floor(moment.gpu) >= 85 && last_gpu >= 85) heated = true;
    if (i > 0 && moment.cpu >= 95 && last_cpu >= 95) heated = true;
    if ((seen && std::floor(moment.gpu) >= 85 && last_gpu >= 85) ||
        (moment.cpu >= 95 && last_cpu >= 95)) {
      ASSERT_FALSE(state.limits.admit) << plot.name << ", sample " << i;
    }
    if (!plot.heats && !plot.drains) {
      ASSERT_TRUE(state.limits.admit) << plot.name;
    }
    if (seen) last_gpu = std::floor(moment.gpu);
    last_cpu = moment.cpu;
  }
  EXPECT_EQ(heated, plot.heats) << plot.name;
  EXPECT_EQ(governor.state().limits.admit, !plot.drains) << plot.name;
}

TEST(Governor, SixtyTracesThroughTheRealSensors) {
  FakeGpus gpus("gpus 1\n");
  FakeRoot root;
  const auto nvml = Nvml::open(gpus.library());
  ASSERT_TRUE(nvml.has_value()) << nvml.status().message();
  int played = 0;
  for (const Plot& plot : plots()) {
    for (unsigned seed = 0; seed < 6; ++seed, ++played) play(plot, seed, gpus, root, **nvml);
  }
  EXPECT_EQ(played, 60);
}

}  // namespace
}  // namespace hearth
