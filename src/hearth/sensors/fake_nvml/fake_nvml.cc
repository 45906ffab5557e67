// A driver that says what its script says: the file `gpus.txt` beside this library is read at each
// call. Lines are "gpus 2" or "<gpu> <what> <number>"; what no line names is not supported, but a
// temperature of 40 degrees. "lost", "reset" and "error" (a code) are answers of the temperature;
// as long as a line says "hang 1", it doesn't come back. No NVML of anybody's is linked or needed.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace {

constexpr int kSuccess = 0;
constexpr int kInvalidArgument = 2;
constexpr int kNotSupported = 3;
constexpr int kGpuIsLost = 15;
constexpr int kResetRequired = 16;

std::string script_path() {
  Dl_info self{};
  ::dladdr(reinterpret_cast<void*>(&script_path), &self);
  const std::string path = self.dli_fname;
  return path.substr(0, path.rfind('/') + 1) + "gpus.txt";
}

// The number behind the words, false when no line has them.
bool find(const std::string& words, long long& value) {
  std::ifstream script(script_path());
  for (std::string line; std::getline(script, line);) {
    if (line.rfind(words + " ", 0) != 0) continue;
    return static_cast<bool>(std::istringstream(line.substr(words.size())) >> value);
  }
  return false;
}

bool find(void* device, const char* what, long long& value) {
  const auto gpu = reinterpret_cast<uintptr_t>(device) - 1;  // handles are never null
  return find(std::to_string(gpu) + " " + what, value);
}

bool is_set(void* device, const char* what) {
  long long value = 0;
  return find(device, what, value) && value != 0;
}

template <typename T>
int put(void* device, const char* what, T* out) {
  long long value = 0;
  if (!out) return kInvalidArgument;
  if (!find(device, what, value)) return kNotSupported;
  *out = static_cast<T>(value);
  return kSuccess;
}

int put_text(char* out, unsigned size, const std::string& text) {
  std::snprintf(out, size, "%s", text.c_str());
  return kSuccess;
}

}  // namespace

extern "C" {

int nvmlInit_v2() {
  long long code = kSuccess;
  find("init", code);
  return static_cast<int>(code);
}

int nvmlShutdown() {
  return kSuccess;
}

const char* nvmlErrorString(int code) {
  return code == kNotSupported ? "Not Supported" : "Unknown Error";
}

int nvmlSystemGetDriverVersion(char* out, unsigned size) {
  return put_text(out, size, "000.00");
}

int nvmlDeviceGetCount_v2(unsigned* count) {
  long long value = 1;
  find("gpus", value);
  *count = static_cast<unsigned>(value);
  return kSuccess;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  void* const handle = reinterpret_cast<void*>(uintptr_t{index} + 1);
  if (is_set(handle, "lost")) return kGpuIsLost;
  *device = handle;
  return kSuccess;
}

int nvmlDeviceGetName(void*, char* out, unsigned size) {
  return put_text(out, size, "Fake GPU");
}

int nvmlDeviceGetUUID(void* device, char* out, unsigned size) {
  return put_text(out, size, "GPU-" + std::to_string(reinterpret_cast<uintptr_t>(device) - 1));
}

int nvmlDeviceGetTemperature(void* device, unsigned, unsigned* celsius) {
  while (is_set(device, "hang")) ::usleep(10'000);
  if (is_set(device, "lost")) return kGpuIsLost;
  if (is_set(device, "reset")) return kResetRequired;
  long long code = 0;
  if (find(device, "error", code)) return static_cast<int>(code);
  *celsius = 40;
  put(device, "temperature", celsius);
  return kSuccess;
}

int nvmlDeviceGetTemperatureThreshold(void* device, unsigned which, unsigned* celsius) {
  return which == 1 ? put(device, "slowdown", celsius) : kNotSupported;
}

int nvmlDeviceGetMarginTemperature(void* device, unsigned* versioned) {
  if (versioned[0] != 0x01000008) return kInvalidArgument;
  return put(device, "margin", reinterpret_cast<int*>(versioned) + 1);
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void* device, unsigned long long* reasons) {
  return put(device, "throttle", reasons);
}

int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  return put(device, "power", milliwatts);
}

int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* milliwatts) {
  return put(device, "power_limit", milliwatts);
}

int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  return put(device, "energy", millijoules);
}

int nvmlDeviceGetTotalEccErrors(void* device, unsigned type, unsigned counter,
                                unsigned long long* errors) {
  return type == 1 && counter == 0 ? put(device, "ecc", errors) : kNotSupported;
}

int nvmlDeviceGetMemoryInfo(void* device, unsigned long long* total_free_used) {
  if (put(device, "memory", total_free_used) != kSuccess) return kNotSupported;
  total_free_used[2] = 0;
  put(device, "memory_used", total_free_used + 2);
  total_free_used[1] = total_free_used[0] - total_free_used[2];
  return kSuccess;
}

// Field 82 is the memory's temperature, 230 the recovery action.
int nvmlDeviceGetFieldValues(void* device, int count, unsigned char* values) {
  for (int i = 0; i < count; ++i, values += 40) {
    unsigned field = 0, value = 0;
    std::memcpy(&field, values, sizeof field);
    int result = kNotSupported;
    if (field == 82) result = put(device, "memory_temperature", &value);
    if (field == 230) result = put(device, "recovery", &value);
    std::memcpy(values + 28, &result, sizeof result);
    std::memcpy(values + 32, &value, sizeof value);
  }
  return kSuccess;
}

}  // extern "C"
