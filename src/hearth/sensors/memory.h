// How much memory this process may use: the machine's, less what a control group withholds.
#pragma once

#include "hearth/sensors/system_root.h"

namespace hearth {

struct MemoryInfo {
  int64_t total_bytes = 0;      // of the machine
  int64_t available_bytes = 0;  // without pushing anything to swap, by the kernel's estimate
  int64_t swap_total_bytes = 0;
  int64_t swap_free_bytes = 0;
  std::optional<int64_t> limit_bytes;       // control group
  std::optional<int64_t> limit_free_bytes;  // what is left of the limit

  int64_t usable_total_bytes() const;      // most that a process here could ever hold
  int64_t usable_available_bytes() const;  // what it can take now
};

Result<MemoryInfo> read_memory(const SystemRoot& root = {});

struct ProcessMemory {
  int64_t resident_bytes = 0;
  int64_t peak_resident_bytes = 0;  // since the process began, or forget_peak_memory
  int64_t mapped_bytes = 0;         // of the resident ones, pages of files; 0 where it isn't told
};

Result<ProcessMemory> read_process_memory(const SystemRoot& root = {});

// Lets the peak of this process begin anew at what it holds now. False where the kernel refuses.
bool forget_peak_memory();

}  // namespace hearth
