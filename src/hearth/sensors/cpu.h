// The CPUs of this machine and the part of them that this process may use.
#pragma once

#include "hearth/sensors/isa.h"
#include "hearth/sensors/system_root.h"

namespace hearth {

struct CpuCache {
  int level = 0;
  std::string type;   // "Data", "Instruction", "Unified"
  int64_t bytes = 0;  // of one instance
  int instances = 1;  // on the machine
};

struct NumaNode {
  int id = 0;
  std::vector<int> cpus;
  int64_t memory_bytes = 0;
};

struct CpuInfo {
  std::string model;  // "AMD EPYC 9654 96-Core Processor", "Raspberry Pi 5 Model B Rev 1.0"
  std::string board;  // of a single-board computer: "Raspberry Pi 5 Model B Rev 1.0"; else ""
  IsaFeatures isa;
  int sockets = 1;
  int cores = 1;                     // physical, online
  int hardware_threads = 1;          // online
  std::vector<int> allowed;          // CPUs that this process may run on; never empty
  int allowed_cores = 1;             // physical cores among them
  std::optional<double> quota_cpus;  // control group: CPU time a second, in CPUs
  std::vector<CpuCache> caches;      // of the first CPU; empty where the kernel tells none
  std::vector<NumaNode> nodes;       // empty where the kernel tells none

  // A thread for each physical core that we may use, and no more than the quota feeds: the second
  // hardware thread of a core adds nothing to loops that are bound by memory or vector units.
  int usable_threads() const;
  int64_t last_level_cache_bytes() const;  // all instances together; 0 when unknown
};

Result<CpuInfo> read_cpu(const SystemRoot& root = {});

}  // namespace hearth
