// See fit.h.
#include "hearth/host/fit.h"

#include <algorithm>

#include "hearth/sensors/cpu.h"
#include "hearth/sensors/memory.h"

namespace hearth {

Result<MemoryPlan> fit_model(const std::string& path, const PlanOptions& options,
                             int64_t memory_limit) {
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  const int64_t available = available_memory(memory_limit).value_or(INT64_MAX);
  TRY_ASSIGN(MemoryPlan plan, plan_within(checkpoint, options, available));
  TRY(check_fits(plan, available).at(path));
  return plan;
}

std::optional<int64_t> available_memory(int64_t limit) {
  const auto memory = read_memory();
  if (!memory) return limit > 0 ? std::optional(limit) : std::nullopt;
  const int64_t available = memory->usable_available_bytes();
  return limit > 0 ? std::min(limit, available) : available;
}

int default_threads() {
  const auto cpu = read_cpu();
  return cpu ? cpu->usable_threads() : 1;
}

}  // namespace hearth
