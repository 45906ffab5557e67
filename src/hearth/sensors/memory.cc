// See memory.h. Fields of /proc/meminfo and /proc/self/status, proc(5).
#include "hearth/sensors/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>

#include "hearth/sensors/cgroup.h"

namespace hearth {
namespace {

std::optional<int64_t> bytes_field(std::string_view text, std::string_view key) {
  const auto field = find_field(text, key);
  return field ? parse_kb(*field) : std::nullopt;
}

Result<int64_t> required(const char* file, std::string_view text, std::string_view key) {
  const auto bytes = bytes_field(text, key);
  if (!bytes) return error(Code::unsupported, "{}: expected a line \"{}: ... kB\"", file, key);
  return *bytes;
}

}  // namespace

int64_t MemoryInfo::usable_total_bytes() const {
  return std::min(total_bytes, limit_bytes.value_or(total_bytes));
}

int64_t MemoryInfo::usable_available_bytes() const {
  return std::min(available_bytes, limit_free_bytes.value_or(available_bytes));
}

Result<MemoryInfo> read_memory(const SystemRoot& root) {
  constexpr const char* kFile = "/proc/meminfo";
  TRY_ASSIGN(const std::string text, root.read(kFile));
  MemoryInfo info;
  TRY_ASSIGN(info.total_bytes, required(kFile, text, "MemTotal"));
  if (const auto available = bytes_field(text, "MemAvailable")) {
    info.available_bytes = *available;
  } else {  // kernels before 3.14
    TRY_ASSIGN(info.available_bytes, required(kFile, text, "MemFree"));
    info.available_bytes += bytes_field(text, "Cached").value_or(0);
  }
  info.available_bytes = std::min(info.available_bytes, info.total_bytes);
  info.swap_total_bytes = bytes_field(text, "SwapTotal").value_or(0);
  info.swap_free_bytes = bytes_field(text, "SwapFree").value_or(0);
  const CgroupLimits limits = read_cgroup_limits(root);
  info.limit_bytes = limits.memory_bytes;
  info.limit_free_bytes = limits.memory_free_bytes;
  return info;
}

Result<ProcessMemory> read_process_memory(const SystemRoot& root) {
  constexpr const char* kFile = "/proc/self/status";
  TRY_ASSIGN(const std::string text, root.read(kFile));
  ProcessMemory memory;
  TRY_ASSIGN(memory.resident_bytes, required(kFile, text, "VmRSS"));
  memory.mapped_bytes = bytes_field(text, "RssFile").value_or(0);
  struct rusage usage {};  // for kernels that leave VmHWM out (gVisor)
  ::getrusage(RUSAGE_SELF, &usage);
  const int64_t peak = bytes_field(text, "VmHWM").value_or(int64_t{usage.ru_maxrss} * 1024);
  memory.peak_resident_bytes = std::max(peak, memory.resident_bytes);
  return memory;
}

bool forget_peak_memory() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;  // of proc(5): reset the peak resident set size
  return file.good();
}

}  // namespace hearth
