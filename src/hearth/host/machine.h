// What this machine is made of and how fast its parts are: the inventory that `hearth doctor` shows
// and holds against the requirements. Readings come from sensors/; what can't be read is absent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/sensors/arithmetic_peak.h"
#include "hearth/sensors/cpu.h"
#include "hearth/sensors/disk.h"
#include "hearth/sensors/memory.h"
#include "hearth/sensors/nvml.h"

namespace hearth {

struct Gpu {
  GpuInfo info;
  GpuReading now;
};

struct Machine {
  CpuInfo cpu;
  MemoryInfo memory;
  std::optional<DiskInfo> disk;  // under the folder of the models
  std::vector<Gpu> gpus;
  std::string gpu_driver;  // version, or why there are no GPUs

  // Measured.
  double read_gb_s = 0;  // memory; 0: not measured
  std::optional<double> disk_read_gb_s;
  std::string disk_not_measured;  // why
  ArithmeticPeaks peaks;
};

// Reads files only, but for the GPUs, whose driver is asked unless `nvml` is "".  not_found,
// unsupported: the system tells nothing of its CPUs or memory.
Result<Machine> read_machine(const std::string& folder, const std::string& nvml,
                             const SystemRoot& root = {});

// Disk and arithmetic, within a second and a half; the memory is a Speedometer's.
Status measure_machine(Machine& machine, int threads);

}  // namespace hearth
