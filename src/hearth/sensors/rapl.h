// Energy that the CPU packages and their memory took, as Intel's and AMD's RAPL counters have it in
// /sys/class/powercap. Readable by root alone on most systems; many virtual machines have none.
#pragma once

#include <vector>

#include "hearth/sensors/system_root.h"

namespace hearth {

// Sums what the counters advance; they wrap every few minutes, so ask at least once a minute.
class RaplCounter {
 public:
  // not_found: there is no counter here.  unsupported: this user may not read them.
  static Result<RaplCounter> open(const SystemRoot& root = {});

  // Since open(), all packages together. A counter that can't be read any more stands still.
  double joules();

 private:
  struct Domain {
    std::string file;
    int64_t range_uj = 0;  // where it begins anew
    int64_t last_uj = 0;
  };
  explicit RaplCounter(SystemRoot root) : root_(std::move(root)) {}

  SystemRoot root_;
  std::vector<Domain> domains_;
  double joules_ = 0;
};

}  // namespace hearth
