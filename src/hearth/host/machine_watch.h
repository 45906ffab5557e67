// MachineWatch: the governor with real sensors. Each sensor is read in a thread of its own, so that
// a driver that hangs holds nobody up; one more thread asks the governor twice a second and keeps
// what it says for whoever wants to know.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hearth/host/governor.h"
#include "hearth/sensors/sensor_thread.h"
#include "hearth/sensors/system_root.h"

namespace hearth {

struct WatchOptions {
  GovernorOptions governor;
  bool gpus = true;
  bool cpu = true;
  SystemRoot root;
  std::string nvml = "libnvidia-ml.so.1";
  std::chrono::milliseconds period{500};
};

class MachineWatch {
 public:
  // A machine without sensors (most virtual ones) is watched too: it is never hot. internal: there
  // is a driver, and it refuses or doesn't answer.
  static Result<std::unique_ptr<MachineWatch>> start(const WatchOptions& options);
  ~MachineWatch();
  MachineWatch(const MachineWatch&) = delete;
  MachineWatch& operator=(const MachineWatch&) = delete;

  // Any thread, at once.
  MachineLimits limits() const;
  MachineState state() const;

 private:
  struct Sensor {
    std::string name;
    bool gpu = false;
    std::unique_ptr<SensorThread<Result<GpuReading>>> thread;
  };

  explicit MachineWatch(const WatchOptions& options);
  Status find_sensors();
  std::vector<DeviceReading> read() const;
  void run();

  const WatchOptions options_;
  std::vector<Sensor> sensors_;
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  Governor governor_;
  std::thread thread_;
};

}  // namespace hearth
