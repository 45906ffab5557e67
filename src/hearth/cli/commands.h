// All verbs of the binary on one CLI::App.
#pragma once

#include "hearth/cli/verb.h"

namespace hearth::cli {

// Declares every verb and, where a verb has no --config of its own, --config. `session` must live
// as long as `app`.
void declare_commands(CLI::App& app, Session& session);

}  // namespace hearth::cli
