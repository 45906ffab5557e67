// See memory_budget.h.
#include "hearth/serve/memory_budget.h"

#include <nlohmann/json.hpp>

#include "hearth/host/memory_plan.h"

namespace hearth::serve {

Json budget_json(const MemoryBudget& budget) {
  return {{"weights_bytes", budget.weights},         {"kv_cache_bytes", budget.kv_cache},
          {"scratch_bytes", budget.scratch},         {"adapters_bytes", budget.adapters},
          {"expert_cache_bytes", budget.experts},    {"process_bytes", budget.process},
          {"connections_bytes", budget.connections}, {"total_bytes", budget.total()}};
}

std::string budget_text(const MemoryBudget& budget) {
  const std::string experts =
      budget.experts > 0 ? fmt::format(", cache of experts {}", bytes_text(budget.experts)) : "";
  return fmt::format(
      "weights {}{}, KV cache {}, scratch {}, adapters {}, process {}, connections {}, together {}",
      bytes_text(budget.weights), experts, bytes_text(budget.kv_cache), bytes_text(budget.scratch),
      bytes_text(budget.adapters), bytes_text(budget.process), bytes_text(budget.connections),
      bytes_text(budget.total()));
}

}  // namespace hearth::serve
