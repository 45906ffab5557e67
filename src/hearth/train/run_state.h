// RunState: all that a run must know to go on as if it had never stopped, as one file that is
// replaced whole: parameters, moments, router biases, the step, and the job that they belong to.
#pragma once

#include <string>

#include "hearth/train/adamw.h"
#include "hearth/train/network.h"

namespace hearth::train {

inline constexpr std::string_view kStateFile = "tune-state.safetensors";

// `job`: one line of JSON that names everything that decides the numbers: options, data, base.
Status save_state(const std::string& folder, const std::string& job, AdamW& optimizer,
                  const Network<float>& network);

// not_found: the folder has no state.  invalid: it belongs to another job; the message names what
// differs.  corrupt: it is no state of this network.
Status load_state(const std::string& folder, const std::string& job, AdamW& optimizer,
                  const Network<float>& network);

}  // namespace hearth::train
