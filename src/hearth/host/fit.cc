// See fit.h.
#include "hearth/host/fit.h"

#include "hearth/sensors/cpu.h"
#include "hearth/sensors/memory.h"

namespace hearth {

Status check_model_fits(const std::string& path, const PlanOptions& options) {
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  TRY_ASSIGN(const MemoryPlan plan, plan_memory(checkpoint, options));
  const auto memory = read_memory();
  if (!memory) return Status::ok();
  return check_fits(plan, memory->usable_available_bytes()).at(path);
}

int default_threads() {
  const auto cpu = read_cpu();
  return cpu ? cpu->usable_threads() : 1;
}

}  // namespace hearth
