// See cgroup.h. /proc/self/cgroup names the group of each controller. Inside a container that name
// may be the host's, of which only the container's own folder is mounted: levels that do not exist
// are passed over, and the root of the mount is always looked at.
#include "hearth/sensors/cgroup.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr const char* kMount = "/sys/fs/cgroup";
// Version 1 writes "no limit" as the largest multiple of the page size.
constexpr int64_t kNoLimit = int64_t{1} << 60;

template <typename T>
void tighten(std::optional<T>& limit, std::optional<T> candidate) {
  if (candidate && (!limit || *candidate < *limit)) limit = candidate;
}

// "/a/b" -> {mount/a/b, mount/a, mount}
std::vector<std::string> levels(const std::string& mount, std::string_view group) {
  std::vector<std::string> folders = {mount};
  if (group.find("..") == std::string_view::npos) {  // a group outside our namespace
    for (const std::string_view part : split(group, '/')) {
      folders.push_back(folders.back() + "/" + std::string(part));
    }
  }
  std::reverse(folders.begin(), folders.end());
  return folders;
}

// "key value" lines of memory.stat
int64_t stat_value(const std::string& text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.substr(0, key.size()) != key || line.size() <= key.size()) continue;
    if (line[key.size()] == ' ') return parse_int(line.substr(key.size())).value_or(0);
  }
  return 0;
}

struct MemoryFiles {
  const char* limit;
  const char* usage;
  const char* cache_key;  // in memory.stat: file pages that the kernel drops first
};

void read_memory_level(const SystemRoot& root, const std::string& folder, const MemoryFiles& files,
                       CgroupLimits& limits) {
  const auto limit = root.read_int(folder + "/" + files.limit);  // "max" is no number
  if (!limit || *limit < 0 || *limit >= kNoLimit) return;
  tighten(limits.memory_bytes, limit);
  const auto usage = root.read_int(folder + "/" + files.usage);
  if (!usage || *usage < 0) return;
  const auto stat = root.read_line(folder + "/memory.stat");
  const int64_t cache = stat ? std::max<int64_t>(stat_value(*stat, files.cache_key), 0) : 0;
  const int64_t held = std::max<int64_t>(*usage - std::min(cache, *usage), 0);
  tighten(limits.memory_free_bytes, std::optional(std::max<int64_t>(*limit - held, 0)));
}

void read_quota(std::optional<int64_t> quota, std::optional<int64_t> period, CgroupLimits& limits) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return;
  tighten(limits.cpus, std::optional(static_cast<double>(*quota) / static_cast<double>(*period)));
}

void read_version_2(const SystemRoot& root, std::string_view group, CgroupLimits& limits) {
  for (const std::string& mount : {std::string(kMount), std::string(kMount) + "/unified"}) {
    for (const std::string& folder : levels(mount, group)) {
      read_memory_level(root, folder, {"memory.max", "memory.current", "inactive_file"}, limits);
      const auto line = root.read_line(folder + "/cpu.max");  // "150000 100000" or "max 100000"
      if (!line) continue;
      const auto parts = split(*line, ' ');
      if (parts.size() == 2) read_quota(parse_int(parts[0]), parse_int(parts[1]), limits);
    }
  }
}

void read_version_1(const SystemRoot& root, std::string_view controllers, std::string_view group,
                    CgroupLimits& limits) {
  std::vector<std::string_view> names = split(controllers, ',');
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const bool memory = has("memory");
  const bool cpu = has("cpu");
  if (!memory && !cpu) return;
  if (names.size() > 1) names.push_back(controllers);  // mounted as "cpu,cpuacct"
  for (const std::string_view name : names) {
    for (const std::string& folder : levels(fmt::format("{}/{}", kMount, name), group)) {
      if (memory) {
        read_memory_level(root, folder,
                          {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
                          limits);
      }
      if (cpu) {
        read_quota(root.read_int(folder + "/cpu.cfs_quota_us"),
                   root.read_int(folder + "/cpu.cfs_period_us"), limits);
      }
    }
  }
}

}  // namespace

CgroupLimits read_cgroup_limits(const SystemRoot& root) {
  CgroupLimits limits;
  const auto text = root.read("/proc/self/cgroup");
  if (!text) return limits;
  for (const std::string_view line : split(*text, '\n')) {  // "4:cpu,cpuacct:/docker/17"
    const size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view group = line.substr(second + 1);
    if (controllers.empty()) {
      read_version_2(root, group, limits);
    } else {
      read_version_1(root, controllers, group, limits);
    }
  }
  return limits;
}

}  // namespace hearth
