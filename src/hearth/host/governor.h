// The governor: keeps a machine from dying of heat. Readings and the time go in, a state and what
// may be done come out; it has no clock, no thread and no sensor, so that a trace of readings is a
// test.
//
//   ok   -- `resume` or more --> warm: smaller batches
//   any  -- `stop` or more, twice --> hot: no new requests, what runs goes on
//   hot  -- below `resume` for `cool_seconds` --> warm
//   warm -- 5 degrees below `resume`, as long --> ok
//
// Beside it, faults: a device that was lost, memory errors, a driver that hangs. A policy for each
// says what they do; one that drains is kept until the process is started again, whatever the
// sensors say later.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hearth/sensors/nvml.h"

namespace hearth {

enum class Heat : uint8_t { ok, warm, hot };
std::string_view heat_name(Heat heat);

enum class MachineFault : uint8_t {
  gpu_lost,
  gpu_reset_required,
  gpu_recovery,  // the driver asks for a reset or a reboot
  ecc,           // memory errors that couldn't be corrected, since we look
  sensor_lost,   // a sensor that answered gives errors
  sensor_hang,   // no answer for a while: the driver hangs
};
inline constexpr int kMachineFaults = 6;
std::string_view fault_name(MachineFault fault);

enum class FaultPolicy : uint8_t {
  ignore,  // shown only
  slow,    // half of the batch as long as it lasts
  drain,   // no new requests any more
};
std::optional<FaultPolicy> find_fault_policy(std::string_view name);

// Degrees Celsius.
struct HeatLimits {
  double stop = 85;
  double resume = 80;  // and from here on a device is warm
};

struct GovernorOptions {
  HeatLimits gpu;
  HeatLimits cpu{105, 100};  // CPUs hold themselves at 95 to 100, by design
  double margin_stop = 2;    // degrees below its own slowdown where a GPU is hot too
  double cool_seconds = 10;
  double hang_seconds = 5;
  int errors_max = 5;       // failed readings in a row until a sensor counts as lost
  double warm_share = 0.5;  // of the sequences and of the rows in a step
  double hot_share = 0.25;
  std::array<FaultPolicy, kMachineFaults> policies = {FaultPolicy::drain, FaultPolicy::drain,
                                                      FaultPolicy::drain, FaultPolicy::drain,
                                                      FaultPolicy::slow,  FaultPolicy::slow};

  // invalid: a `resume` that isn't below its `stop`.
  Status check() const;
};

// What is known of a device at one moment.
struct DeviceReading {
  std::string name;  // "gpu0", "cpu"; the same each time
  bool gpu = false;
  bool answered = false;  // the last read gave values; the fields below are of it
  GpuReading values;      // of a CPU only the temperature
  int64_t reads = 0;      // that ended, since the start: a new reading has a higher number
  double age_seconds = 0;
};

struct DeviceState {
  DeviceReading reading;
  Heat heat = Heat::ok;
};

struct MachineLimits {
  bool admit = true;
  double share = 1;     // of the batch
  int retry_after = 0;  // seconds, where admit is false
};

struct MachineState {
  Heat heat = Heat::ok;  // the hottest device's
  MachineLimits limits;
  std::array<bool, kMachineFaults> faults{};  // now, or kept
  std::map<std::string, DeviceState> devices;
};

class Governor {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Governor(const GovernorOptions& options);

  // `now` never goes back. A device that isn't among the readings any more counts as silent.
  const MachineState& update(Time now, std::span<const DeviceReading> readings);
  const MachineState& state() const { return state_; }

 private:
  struct Watched {
    int64_t reads = -1;
    int hot_samples = 0;       // in a row
    int errors = 0;            // in a row
    std::optional<Time> cool;  // since when below what holds its heat
    std::optional<int64_t> first_ecc;
  };

  void take(Time now, const DeviceReading& reading);
  void judge_heat(Time now, const GpuReading& values, bool gpu, Watched& watched,
                  DeviceState& state) const;
  void judge_faults(const GpuReading& values, Watched& watched);
  bool& present(MachineFault fault) { return present_[static_cast<size_t>(fault)]; }
  void conclude();

  const GovernorOptions options_;
  std::map<std::string, Watched> watched_;
  std::array<bool, kMachineFaults> present_{};  // at the last update
  std::array<bool, kMachineFaults> kept_{};     // that drain
  MachineState state_;
};

}  // namespace hearth
