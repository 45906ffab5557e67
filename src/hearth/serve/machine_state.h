// What /health?verbose says: the server's readiness, and the machine's heat and faults.
#pragma once

#include <string>

#include "hearth/host/machine_watch.h"

namespace hearth::serve {

// {"status", "ready", "machine": {"heat", "admits", "batch_share", "faults", "devices"}}; no
// machine where it isn't watched. What a device doesn't tell is left out.
std::string health_json(bool ready, const MachineWatch* machine);

}  // namespace hearth::serve
