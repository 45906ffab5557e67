// Before anything is loaded: does this model fit into what the machine has left, and how many
// threads should compute.
#pragma once

#include <string>

#include "hearth/host/memory_plan.h"

namespace hearth {

// How a model will be held here, routed experts on disk if need be (plan_within). no_memory, in one
// line that says what would fit. A machine whose memory can't be read refuses nothing.
// `memory_limit`: as if no more than these bytes were available; 0: what is.
Result<MemoryPlan> fit_model(const std::string& path, const PlanOptions& options,
                             int64_t memory_limit = 0);

// What this process may take now, at most `limit` if that is above 0; nullopt: it can't be read.
std::optional<int64_t> available_memory(int64_t limit);

// One thread for each physical core that this process may use.
int default_threads();

}  // namespace hearth
