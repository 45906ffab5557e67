// The verbs of `hearth eval` that are no suites, each in a file of its own.
#pragma once

#include "hearth/cli/verb.h"

namespace hearth::cli {

void add_eval_card(CLI::App& group, Session& session);
void add_eval_compare(CLI::App& group, Session& session);

}  // namespace hearth::cli
