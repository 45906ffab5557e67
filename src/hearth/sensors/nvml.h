// NVIDIA's management library, found when it is asked for (dlopen of libnvidia-ml.so.1): which GPUs
// there are, and what they say of themselves. Nothing here needs CUDA, and nothing is ever set. Any
// call may hang for minutes when a GPU falls off its bus: ask through a SensorThread or `within`
// (sensor_thread.h) wherever somebody waits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/base/status.h"

namespace hearth {

// What doesn't change while the driver runs. An absent field is one that the GPU doesn't tell.
struct GpuInfo {
  int index = 0;  // among those that this user may open, in the order of the bus
  std::string name;
  std::string uuid;
  std::string pci_address;  // "00000000:65:00.0"
  int64_t memory_bytes = 0;
  std::optional<int> compute_major, compute_minor;
  std::optional<int> pcie_generation_max, pcie_width_max;  // of GPU and slot together
  std::optional<double> slowdown_c;                        // where its own slowdown begins
};

// Bits of GpuReading::throttle_reasons, as nvml.h numbers them.
enum ThrottleReason : uint64_t {
  kThrottlePowerCap = 0x4,
  kThrottleHwSlowdown = 0x8,
  kThrottleSwThermal = 0x20,
  kThrottleHwThermal = 0x40,
  kThrottleHwPowerBrake = 0x80,
};

enum class GpuFault {
  none,
  lost,            // fell off the bus
  reset_required,  // answers nothing until it is reset
};

struct GpuReading {
  GpuFault fault = GpuFault::none;  // any other: the fields below are empty
  std::optional<double> temperature_c;
  std::optional<double> memory_temperature_c;
  std::optional<double> margin_c;  // until its slowdown; Ada and later
  std::optional<uint64_t> throttle_reasons;
  std::optional<double> power_watts;
  std::optional<double> power_limit_watts;
  std::optional<double> energy_joules;  // since the driver was loaded
  std::optional<int64_t> memory_used_bytes;
  std::optional<int64_t> memory_free_bytes;
  std::optional<int64_t> ecc_uncorrected;  // since the driver was loaded
  std::optional<int> recovery_action;      // 0: none is needed; nvml.h's numbers
  std::optional<int> pcie_generation, pcie_width;
  std::optional<int> utilization_percent;
};

class Nvml {
 public:
  // not_found: there is no such library, so no NVIDIA driver. unsupported: it lacks a function that
  // every driver has. internal: the driver refuses.
  static Result<std::unique_ptr<Nvml>> open(const std::string& library = "libnvidia-ml.so.1");
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  const std::string& driver_version() const { return driver_version_; }
  const std::vector<GpuInfo>& gpus() const { return gpus_; }
  // `index` within gpus(). A GPU that is gone is a reading; a library that fails is a Status.
  Result<GpuReading> read(int index) const;

 private:
  struct Functions;
  Nvml();
  Status find_gpus();
  void describe(void* device, GpuInfo& info) const;

  std::unique_ptr<Functions> nvml_;
  std::vector<void*> devices_;  // nvmlDevice_t, by index
  std::vector<GpuInfo> gpus_;
  std::string driver_version_;
};

}  // namespace hearth
