// See cpu.h. Sources: /proc/cpuinfo, /proc/self/status, and under /sys/devices/system the folders
// cpu/ (sysfs-devices-system-cpu in the kernel's ABI documents) and node/.
#include "hearth/sensors/cpu.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "hearth/base/checked_math.h"
#include "hearth/sensors/cgroup.h"

namespace hearth {
namespace {

constexpr const char* kCpus = "/sys/devices/system/cpu";
constexpr const char* kNodes = "/sys/devices/system/node";
constexpr int kCacheIndexMax = 16;

std::string read_board(const SystemRoot& root, std::string_view cpuinfo) {
  if (const auto name = find_field(cpuinfo, "Model"); name && !name->empty()) {
    return std::string(*name);
  }
  return root.read_line("/proc/device-tree/model").value_or("");
}

std::string read_model(std::string_view cpuinfo, const std::string& board) {
  if (const auto name = find_field(cpuinfo, "model name"); name && !name->empty()) {
    return std::string(*name);
  }
  return board.empty() ? "unknown" : board;
}

std::optional<std::vector<int>> read_cpu_list(const SystemRoot& root, const std::string& path) {
  const auto line = root.read_line(path);
  if (!line) return std::nullopt;
  auto cpus = parse_cpu_list(*line);
  if (cpus && cpus->empty()) return std::nullopt;
  return cpus;
}

// Without sysfs: one CPU for each "processor" paragraph.
std::vector<int> count_processors(std::string_view cpuinfo) {
  std::vector<int> cpus;
  for (const std::string_view line : split(cpuinfo, '\n')) {
    if (find_field(line, "processor")) cpus.push_back(static_cast<int>(cpus.size()));
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

// Names the physical core of a CPU by the list of its hardware threads, which is unique on the
// machine (core_id is not: it starts anew on each socket).
std::string core_of(const SystemRoot& root, int cpu) {
  const std::string folder = fmt::format("{}/cpu{}/topology/", kCpus, cpu);
  for (const char* file : {"core_cpus_list", "thread_siblings_list"}) {
    auto list = root.read_line(folder + file);
    if (list && !list->empty()) return *std::move(list);
  }
  return fmt::format("{}", cpu);
}

int count_cores(const SystemRoot& root, const std::vector<int>& cpus) {
  std::set<std::string> cores;
  for (const int cpu : cpus) cores.insert(core_of(root, cpu));
  return static_cast<int>(cores.size());
}

int count_sockets(const SystemRoot& root, const std::vector<int>& cpus) {
  std::set<int64_t> sockets;
  for (const int cpu : cpus) {
    const auto id = root.read_int(fmt::format("{}/cpu{}/topology/physical_package_id", kCpus, cpu));
    sockets.insert(id.value_or(0));
  }
  return static_cast<int>(sockets.size());
}

// "32K", "1024K", "32M"
int64_t parse_size(std::string_view text) {
  int64_t unit = 1;
  if (!text.empty() && (text.back() == 'K' || text.back() == 'M')) {
    unit = text.back() == 'K' ? 1 << 10 : 1 << 20;
    text.remove_suffix(1);
  }
  const auto number = parse_int(text);
  if (!number || *number < 0) return 0;
  return checked_mul(*number, unit).value_or(0);
}

std::vector<CpuCache> read_caches(const SystemRoot& root, const std::vector<int>& online) {
  std::vector<CpuCache> caches;
  for (int index = 0; index < kCacheIndexMax; ++index) {
    const std::string folder = fmt::format("{}/cpu{}/cache/index{}/", kCpus, online[0], index);
    const auto level = root.read_int(folder + "level");
    if (!level || *level < 1 || *level > 9) break;
    CpuCache cache;
    cache.level = static_cast<int>(*level);
    cache.type = root.read_line(folder + "type").value_or("");
    cache.bytes = parse_size(root.read_line(folder + "size").value_or(""));
    const auto shared = read_cpu_list(root, folder + "shared_cpu_list");
    const auto sharers = static_cast<int64_t>(shared ? shared->size() : 1);
    cache.instances = static_cast<int>(ceil_div(static_cast<int64_t>(online.size()), sharers));
    caches.push_back(std::move(cache));
  }
  return caches;
}

std::vector<NumaNode> read_nodes(const SystemRoot& root) {
  std::vector<NumaNode> nodes;
  const auto ids = read_cpu_list(root, std::string(kNodes) + "/online");
  if (!ids) return nodes;
  for (const int id : *ids) {
    const std::string folder = fmt::format("{}/node{}/", kNodes, id);
    NumaNode node{id, read_cpu_list(root, folder + "cpulist").value_or(std::vector<int>{}), 0};
    if (const auto text = root.read(folder + "meminfo")) {
      const auto total = find_field(*text, fmt::format("Node {} MemTotal", id));
      if (total) node.memory_bytes = parse_kb(*total).value_or(0);
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace

int CpuInfo::usable_threads() const {
  if (!quota_cpus) return std::max(allowed_cores, 1);
  const double quota = std::clamp(std::floor(*quota_cpus), 1.0, 65536.0);
  return std::max(std::min(allowed_cores, static_cast<int>(quota)), 1);
}

int64_t CpuInfo::last_level_cache_bytes() const {
  int level = 0;
  int64_t bytes = 0;
  for (const CpuCache& cache : caches) {
    if (cache.type == "Instruction" || cache.level < level) continue;
    level = cache.level;
    bytes = checked_mul(cache.bytes, cache.instances).value_or(0);
  }
  return bytes;
}

Result<CpuInfo> read_cpu(const SystemRoot& root) {
  TRY_ASSIGN(const std::string cpuinfo, root.read("/proc/cpuinfo"));
  CpuInfo info;
  info.board = read_board(root, cpuinfo);
  info.model = read_model(cpuinfo, info.board);
  info.isa = detect_isa();
  const auto listed = read_cpu_list(root, std::string(kCpus) + "/online");
  const std::vector<int> online = listed ? *listed : count_processors(cpuinfo);
  info.hardware_threads = static_cast<int>(online.size());
  info.cores = count_cores(root, online);
  info.sockets = count_sockets(root, online);
  info.allowed = online;
  if (const auto status = root.read("/proc/self/status")) {
    const auto field = find_field(*status, "Cpus_allowed_list");
    const auto allowed = field ? parse_cpu_list(*field) : std::nullopt;
    if (allowed && !allowed->empty()) info.allowed = *allowed;
  }
  info.allowed_cores = count_cores(root, info.allowed);
  info.quota_cpus = read_cgroup_limits(root).cpus;
  info.caches = read_caches(root, online);
  info.nodes = read_nodes(root);
  return info;
}

}  // namespace hearth
