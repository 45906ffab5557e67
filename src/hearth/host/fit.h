// Before anything is loaded: does this model fit into what the machine has left, and how many
// threads should compute.
#pragma once

#include <string>

#include "hearth/host/memory_plan.h"

namespace hearth {

// no_memory, in one line that says what would fit. A machine whose memory can't be read refuses
// nothing.
Status check_model_fits(const std::string& path, const PlanOptions& options);

// One thread for each physical core that this process may use.
int default_threads();

}  // namespace hearth
