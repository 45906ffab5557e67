// See memory_budget.h.
#include "hearth/serve/memory_budget.h"

#include <nlohmann/json.hpp>

#include "hearth/host/memory_plan.h"

namespace hearth::serve {

Status check_room(const MemoryBudget& budget, int64_t available, bool cache_held) {
  constexpr int64_t kMegabyte = 1'000'000;
  const int64_t others = budget.scratch + budget.experts;
  const int64_t free = available + (cache_held ? budget.kv_cache : 0);
  if (budget.kv_cache + others <= free) return Status::ok();
  const int64_t room = (free - others) / kMegabyte;
  const std::string experts =
      budget.experts > 0 ? fmt::format(", a cache of experts of {}", bytes_text(budget.experts))
                         : "";
  return error(Code::no_memory,
               "a KV cache of {} and scratch of {} do not fit beside weights of {}{} and adapters "
               "of {}: {} are available; {}",
               bytes_text(budget.kv_cache), bytes_text(budget.scratch), bytes_text(budget.weights),
               experts, bytes_text(budget.adapters), bytes_text(free),
               room > 0 ? fmt::format("--kv-memory {} would fit, if --ctx is short enough", room)
                        : "choose a shorter --ctx or smaller --max-batch-tokens");
}

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
