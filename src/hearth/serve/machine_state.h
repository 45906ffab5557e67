// What /health?verbose says: the server's readiness and memory, the machine's heat and faults.
#pragma once

#include <string>

#include "hearth/host/machine_watch.h"
#include "hearth/serve/memory_budget.h"

namespace hearth::serve {

// {"status", "ready", "memory", "machine": {"heat", "admits", "batch_share", "faults", "devices"}};
// no machine where it isn't watched. What a device doesn't tell is left out.
std::string health_json(bool ready, const MachineWatch* machine, const MemoryBudget& memory);

}  // namespace hearth::serve
