// See machine_watch.h.
#include "hearth/host/machine_watch.h"

#include <utility>

#include "hearth/sensors/thermal.h"

namespace hearth {
namespace {

constexpr std::chrono::seconds kDriverPatience{20};  // a first nvmlInit wakes GPUs up

Result<GpuReading> read_cpu(const SystemRoot& root) {
  const auto hottest = hottest_cpu(read_thermal(root));
  if (!hottest) return error(Code::not_found, "the CPU's temperature sensor is gone");
  if (!hottest->celsius) return error(Code::corrupt, "{}: no temperature", hottest->name);
  GpuReading out;
  out.temperature_c = hottest->celsius;
  return out;
}

}  // namespace

MachineWatch::MachineWatch(const WatchOptions& options)
    : options_(options), governor_(options.governor) {}

Result<std::unique_ptr<MachineWatch>> MachineWatch::start(const WatchOptions& options) {
  TRY(options.governor.check());
  std::unique_ptr<MachineWatch> out(new MachineWatch(options));
  TRY(out->find_sensors());
  out->thread_ = std::thread([watch = out.get()] { watch->run(); });
  return out;
}

MachineWatch::~MachineWatch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status MachineWatch::find_sensors() {
  const auto add = [this](std::string name, bool gpu, std::function<Result<GpuReading>()> read) {
    sensors_.push_back(
        {std::move(name), gpu,
         std::make_unique<SensorThread<Result<GpuReading>>>(std::move(read), options_.period)});
  };
  if (options_.cpu && hottest_cpu(read_thermal(options_.root))) {
    add("cpu", false, [root = options_.root] { return read_cpu(root); });
  }
  if (!options_.gpus) return Status::ok();
  auto opened = within(kDriverPatience, [path = options_.nvml] { return Nvml::open(path); });
  if (!opened) return error(Code::internal, "NVIDIA's driver doesn't answer");
  if (!*opened && opened->status().code() == Code::not_found) return Status::ok();
  if (!*opened) return std::move(*opened).status();
  const std::shared_ptr<const Nvml> nvml = *std::move(*opened);
  for (const GpuInfo& gpu : nvml->gpus()) {
    add(fmt::format("gpu{}", gpu.index), true,
        [nvml, index = gpu.index] { return nvml->read(index); });
  }
  return Status::ok();
}

std::vector<DeviceReading> MachineWatch::read() const {
  std::vector<DeviceReading> out;
  for (const Sensor& sensor : sensors_) {
    const auto latest = sensor.thread->latest();
    DeviceReading reading;
    reading.name = sensor.name;
    reading.gpu = sensor.gpu;
    reading.answered = latest.value && latest.value->has_value();
    if (reading.answered) reading.values = **latest.value;
    reading.reads = latest.reads;
    reading.age_seconds = std::chrono::duration<double>(latest.age).count();
    out.push_back(std::move(reading));
  }
  return out;
}

void MachineWatch::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    const std::vector<DeviceReading> readings = read();
    lock.lock();
    governor_.update(std::chrono::steady_clock::now(), readings);
    stopped_.wait_for(lock, options_.period, [this] { return stop_; });
  }
}

MachineLimits MachineWatch::limits() const {
  const std::lock_guard lock(mutex_);
  return governor_.state().limits;
}

MachineState MachineWatch::state() const {
  const std::lock_guard lock(mutex_);
  return governor_.state();
}

}  // namespace hearth
