// The list of backends that users can name.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/backend/backend.h"
#include "hearth/backend/quantized_bytes.h"

namespace hearth {

struct BackendOptions {
  std::string device = "auto";  // auto | cpu | cuda | reference
  int threads = 1;
  std::string cpu_isa;  // "" = the best this machine has
  Activation activation = Activation::automatic;
  bool cuda_graphs = true;          // off: to see what recording steps gains
  bool cuda_overlap = true;         // off: to see what overlapping kernels gains
  bool keep_mapping = false;        // of the CPU: weights stay in their files' mappings, shared
  ExpertCacheOptions experts = {};  // of the CPU: routed experts from disk
  int64_t gpu_memory = 0;           // most bytes in use on a GPU, by all programs; 0: what it has
};

// invalid: no such device.  unsupported: this machine or build lacks it.
Result<std::unique_ptr<Backend>> make_backend(const BackendOptions& options);

// Of a backend that computes in memory of its own.
struct DeviceMemory {
  std::string name;  // of the device
  int64_t free_bytes = 0;
  double read_gb_s = 0;  // measured
};
// nullopt: it computes in the host's memory.
Result<std::optional<DeviceMemory>> measure_device(Backend& backend);

}  // namespace hearth
