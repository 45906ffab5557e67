// The flags of sampling and length that `run` and `generate` share. A flag that is not given leaves
// the model's own default.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "hearth/engine/generation.h"

namespace hearth::cli {

struct SamplingOptions : SamplingOverrides {
  int64_t max_tokens = 0;  // 0: what the context leaves
  std::vector<std::string> stop;
  ThoughtOptions thought;

  void declare(CLI::App& verb);
};

}  // namespace hearth::cli
