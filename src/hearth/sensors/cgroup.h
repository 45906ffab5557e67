// Limits that a container, a service manager or a job scheduler puts on this process through Linux
// control groups, version 2 or 1. A limit may stand at any level above the process, and the
// tightest one counts.
#pragma once

#include "hearth/sensors/system_root.h"

namespace hearth {

struct CgroupLimits {
  std::optional<int64_t> memory_bytes;       // most that the group may hold
  std::optional<int64_t> memory_free_bytes;  // what is left of it, page cache counted as free
  std::optional<double> cpus;                // CPU time a second, in CPUs: 1.5
};

// No control groups, or none with limits: all empty.
CgroupLimits read_cgroup_limits(const SystemRoot& root = {});

}  // namespace hearth
