// See machine.h.
#include "hearth/host/machine.h"

#include <algorithm>
#include <chrono>

#include "hearth/sensors/sensor_thread.h"

namespace hearth {
namespace {

constexpr int64_t kDiskTestBytes = 256 << 20;
constexpr std::chrono::milliseconds kDriverPatience(5000);

struct Gpus {
  std::vector<Gpu> gpus;
  std::string driver;
};

Gpus read_gpus(const std::string& library) {
  Gpus found;
  const auto nvml = Nvml::open(library);
  if (!nvml) {
    found.driver = nvml.status().message();
    return found;
  }
  found.driver = (*nvml)->driver_version();
  for (const GpuInfo& info : (*nvml)->gpus()) {
    const auto now = (*nvml)->read(info.index);
    found.gpus.push_back({info, now ? *now : GpuReading{}});
  }
  return found;
}

}  // namespace

Result<Machine> read_machine(const std::string& folder, const std::string& nvml,
                             const SystemRoot& root) {
  Machine machine;
  TRY_ASSIGN(machine.cpu, read_cpu(root));
  TRY_ASSIGN(machine.memory, read_memory(root));
  if (auto disk = read_disk(folder, root)) machine.disk = *std::move(disk);
  if (nvml.empty()) return machine;
  auto found = within(kDriverPatience, [nvml] { return read_gpus(nvml); });
  machine.gpu_driver = found ? std::move(found->driver) : "the driver does not answer";
  if (found) machine.gpus = std::move(found->gpus);
  return machine;
}

Status measure_machine(Machine& machine, int threads) {
  TRY_ASSIGN(machine.peaks, measure_arithmetic_peaks(threads));
  if (!machine.disk) return Status::ok();
  const int64_t bytes = std::min(kDiskTestBytes, machine.disk->free_bytes / 8);
  if (const auto read = measure_disk_read(machine.disk->folder, bytes, 0.4)) {
    machine.disk_read_gb_s = *read;
  } else {
    machine.disk_not_measured = read.status().message();
  }
  return Status::ok();
}

}  // namespace hearth
