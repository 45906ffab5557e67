// See nvml.h. The few types and numbers of NVIDIA's nvml.h that are used are written out here, so
// that no header of theirs is needed to build; functions that an older driver lacks stay null.
#include "hearth/sensors/nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace hearth {
namespace {

using Return = int;
using Device = void*;
constexpr Return kSuccess = 0;
constexpr Return kNoPermission = 4;
constexpr Return kGpuIsLost = 15;
constexpr Return kResetRequired = 16;

constexpr unsigned kGpuCore = 0;           // nvmlTemperatureSensors_t
constexpr unsigned kSlowdownLimit = 1;     // nvmlTemperatureThresholds_t
constexpr unsigned kUncorrected = 1;       // nvmlMemoryErrorType_t
constexpr unsigned kSinceDriverStart = 0;  // nvmlEccCounterType_t: volatile
constexpr unsigned kMemoryTemperature = 82;
constexpr unsigned kRecoveryAction = 230;
constexpr unsigned kGpusMax = 256;

struct MemoryInfo {
  unsigned long long total, free, used;
};
struct MarginTemperature {
  unsigned version;
  int margin;
};
struct Utilization {
  unsigned gpu, memory;
};
struct PciInfo {
  char short_address[16];
  unsigned domain, bus, device, device_id, subsystem_id;
  char address[32];
};
// 40 bytes; `value` is a union whose unsigned member stands in its first four.
struct FieldValue {
  unsigned field, scope;
  long long timestamp, latency_us;
  int value_type;
  Return result;
  std::array<unsigned char, 8> value;
};
static_assert(sizeof(MarginTemperature) == 8 && sizeof(PciInfo) == 68 && sizeof(FieldValue) == 40);
constexpr unsigned kMarginVersion = sizeof(MarginTemperature) | 1u << 24;

template <typename F>
void find(void* library, F*& function, const char* name, const char* older_name = nullptr) {
  function = reinterpret_cast<F*>(::dlsym(library, name));
  if (!function && older_name) function = reinterpret_cast<F*>(::dlsym(library, older_name));
}

// Names come in buffers whose end a broken driver may forget.
template <size_t n>
std::string text_of(const std::array<char, n>& buffer) {
  return {buffer.data(), ::strnlen(buffer.data(), n)};
}

}  // namespace

struct Nvml::Functions {
  template <typename... Args>
  using Call = Return(Args...);

  Call<>* init;
  Call<>* shutdown;
  const char* (*error_string)(Return);
  Call<char*, unsigned>* driver_version;
  Call<unsigned*>* count;
  Call<unsigned, Device*>* handle;
  Call<Device, char*, unsigned>* name;
  Call<Device, char*, unsigned>* uuid;
  Call<Device, PciInfo*>* pci;
  Call<Device, int*, int*>* compute_capability;
  Call<Device, MemoryInfo*>* memory;
  Call<Device, unsigned, unsigned*>* temperature;
  Call<Device, unsigned, unsigned*>* threshold;
  Call<Device, MarginTemperature*>* margin;
  Call<Device, unsigned long long*>* throttle_reasons;
  Call<Device, unsigned*>* power;
  Call<Device, unsigned*>* power_limit;
  Call<Device, unsigned long long*>* energy;
  Call<Device, unsigned, unsigned, unsigned long long*>* ecc_errors;
  Call<Device, Utilization*>* utilization;
  Call<Device, unsigned*>* pcie_generation;
  Call<Device, unsigned*>* pcie_width;
  Call<Device, unsigned*>* pcie_generation_max;
  Call<Device, unsigned*>* pcie_width_max;
  Call<Device, int, FieldValue*>* field_values;

  bool load(void* library);

  std::string why(Return code) const {
    const char* text = error_string ? error_string(code) : nullptr;
    return fmt::format("NVML error {}{}{}", code, text ? ": " : "", text ? text : "");
  }
  // One value that a function writes, or nothing when there is no such function or it refuses.
  template <typename T>
  static std::optional<T> get(Call<Device, T*>* function, Device device) {
    T value{};
    if (!function || function(device, &value) != kSuccess) return std::nullopt;
    return value;
  }
  std::optional<unsigned> field(Device device, unsigned id) const;
};

// False when a function is missing without which nothing can be said.
bool Nvml::Functions::load(void* library) {
  find(library, init, "nvmlInit_v2");
  find(library, shutdown, "nvmlShutdown");
  find(library, error_string, "nvmlErrorString");
  find(library, driver_version, "nvmlSystemGetDriverVersion");
  find(library, count, "nvmlDeviceGetCount_v2");
  find(library, handle, "nvmlDeviceGetHandleByIndex_v2");
  find(library, name, "nvmlDeviceGetName");
  find(library, uuid, "nvmlDeviceGetUUID");
  find(library, pci, "nvmlDeviceGetPciInfo_v3");
  find(library, compute_capability, "nvmlDeviceGetCudaComputeCapability");
  find(library, memory, "nvmlDeviceGetMemoryInfo");
  find(library, temperature, "nvmlDeviceGetTemperature");
  find(library, threshold, "nvmlDeviceGetTemperatureThreshold");
  find(library, margin, "nvmlDeviceGetMarginTemperature");
  find(library, throttle_reasons, "nvmlDeviceGetCurrentClocksEventReasons",
       "nvmlDeviceGetCurrentClocksThrottleReasons");
  find(library, power, "nvmlDeviceGetPowerUsage");
  find(library, power_limit, "nvmlDeviceGetEnforcedPowerLimit");
  find(library, energy, "nvmlDeviceGetTotalEnergyConsumption");
  find(library, ecc_errors, "nvmlDeviceGetTotalEccErrors");
  find(library, utilization, "nvmlDeviceGetUtilizationRates");
  find(library, pcie_generation, "nvmlDeviceGetCurrPcieLinkGeneration");
  find(library, pcie_width, "nvmlDeviceGetCurrPcieLinkWidth");
  find(library, pcie_generation_max, "nvmlDeviceGetMaxPcieLinkGeneration");
  find(library, pcie_width_max, "nvmlDeviceGetMaxPcieLinkWidth");
  find(library, field_values, "nvmlDeviceGetFieldValues");
  return init && shutdown && count && handle && memory && temperature;
}

std::optional<unsigned> Nvml::Functions::field(Device device, unsigned id) const {
  FieldValue value{};
  value.field = id;
  if (!field_values || field_values(device, 1, &value) != kSuccess) return std::nullopt;
  if (value.result != kSuccess) return std::nullopt;
  unsigned out = 0;
  std::memcpy(&out, value.value.data(), sizeof out);
  return out;
}

Nvml::Nvml() : nvml_(std::make_unique<Functions>()) {}

Nvml::~Nvml() {
  if (nvml_->shutdown) nvml_->shutdown();  // The library itself stays: threads of its own may run.
}

Result<std::unique_ptr<Nvml>> Nvml::open(const std::string& library) {
  void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return error(Code::not_found, "no NVIDIA driver here: {}", ::dlerror());
  std::unique_ptr<Nvml> out(new Nvml());
  Functions& nvml = *out->nvml_;
  if (!nvml.load(handle)) {
    nvml.shutdown = nullptr;
    return error(Code::unsupported, "{}: expected the functions of NVML 5 and later", library);
  }
  if (const Return failed = nvml.init(); failed != kSuccess) {
    nvml.shutdown = nullptr;
    return error(Code::internal, "nvmlInit_v2: {}", nvml.why(failed));
  }
  std::array<char, 81> version{};
  if (nvml.driver_version && nvml.driver_version(version.data(), 80) == kSuccess) {
    out->driver_version_ = text_of(version);
  }
  TRY(out->find_gpus());
  return out;
}

void Nvml::describe(void* device, GpuInfo& info) const {
  std::array<char, 97> text{};
  if (nvml_->name && nvml_->name(device, text.data(), 96) == kSuccess) info.name = text_of(text);
  text = {};
  if (nvml_->uuid && nvml_->uuid(device, text.data(), 96) == kSuccess) info.uuid = text_of(text);
  if (const auto pci = nvml_->get(nvml_->pci, device)) {
    info.pci_address.assign(pci->address, ::strnlen(pci->address, sizeof pci->address));
  }
  if (const auto memory = nvml_->get(nvml_->memory, device)) {
    info.memory_bytes = static_cast<int64_t>(memory->total);
  }
  int major = 0, minor = 0;
  if (nvml_->compute_capability && nvml_->compute_capability(device, &major, &minor) == kSuccess) {
    info.compute_major = major;
    info.compute_minor = minor;
  }
  info.pcie_generation_max = nvml_->get(nvml_->pcie_generation_max, device);
  info.pcie_width_max = nvml_->get(nvml_->pcie_width_max, device);
  unsigned slowdown = 0;
  if (nvml_->threshold && nvml_->threshold(device, kSlowdownLimit, &slowdown) == kSuccess) {
    info.slowdown_c = slowdown;
  }
}

Status Nvml::find_gpus() {
  unsigned count = 0;
  if (const Return failed = nvml_->count(&count); failed != kSuccess) {
    return error(Code::internal, "nvmlDeviceGetCount_v2: {}", nvml_->why(failed));
  }
  for (unsigned i = 0; i < std::min(count, kGpusMax); ++i) {
    GpuInfo info;
    Device device = nullptr;
    const Return answered = nvml_->handle(i, &device);
    if (answered == kNoPermission) continue;  // somebody else's
    info.index = static_cast<int>(gpus_.size());
    // One that was lost before we came has no handle; it is counted and read as lost.
    if (answered != kSuccess) device = nullptr;
    if (device) describe(device, info);
    devices_.push_back(device);
    gpus_.push_back(std::move(info));
  }
  return Status::ok();
}

namespace {

std::optional<double> scaled(std::optional<unsigned> value, double unit) {
  return value ? std::optional(*value * unit) : std::nullopt;
}

}  // namespace

Result<GpuReading> Nvml::read(int index) const {
  CHECK(index >= 0 && static_cast<size_t>(index) < devices_.size());
  GpuReading out;
  const Device device = devices_[static_cast<size_t>(index)];
  if (!device) {
    out.fault = GpuFault::lost;
    return out;
  }
  unsigned temperature = 0;
  const Return answered = nvml_->temperature(device, kGpuCore, &temperature);
  if (answered == kGpuIsLost || answered == kResetRequired) {
    out.fault = answered == kGpuIsLost ? GpuFault::lost : GpuFault::reset_required;
    return out;
  }
  if (answered != kSuccess) {
    return error(Code::internal, "GPU {}: temperature: {}", index, nvml_->why(answered));
  }
  out.temperature_c = temperature;
  MarginTemperature margin{kMarginVersion, 0};
  if (nvml_->margin && nvml_->margin(device, &margin) == kSuccess) out.margin_c = margin.margin;
  out.memory_temperature_c = scaled(nvml_->field(device, kMemoryTemperature), 1);
  out.throttle_reasons = nvml_->get(nvml_->throttle_reasons, device);
  out.power_watts = scaled(nvml_->get(nvml_->power, device), 1e-3);
  out.power_limit_watts = scaled(nvml_->get(nvml_->power_limit, device), 1e-3);
  if (const auto millijoules = nvml_->get(nvml_->energy, device)) {
    out.energy_joules = static_cast<double>(*millijoules) * 1e-3;
  }
  if (const auto memory = nvml_->get(nvml_->memory, device)) {
    out.memory_used_bytes = static_cast<int64_t>(memory->used);
    out.memory_free_bytes = static_cast<int64_t>(memory->free);
  }
  unsigned long long errors = 0;
  if (nvml_->ecc_errors &&
      nvml_->ecc_errors(device, kUncorrected, kSinceDriverStart, &errors) == kSuccess) {
    out.ecc_uncorrected = static_cast<int64_t>(errors);
  }
  out.recovery_action = nvml_->field(device, kRecoveryAction);
  out.pcie_generation = nvml_->get(nvml_->pcie_generation, device);
  out.pcie_width = nvml_->get(nvml_->pcie_width, device);
  if (const auto busy = nvml_->get(nvml_->utilization, device)) {
    out.utilization_percent = static_cast<int>(busy->gpu);
  }
  return out;
}

}  // namespace hearth
