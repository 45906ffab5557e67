// The flags of the watermark that `run`, `generate` and `serve` share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "hearth/engine/sampler.h"
#include "hearth/guard/watermark/policy.h"

namespace hearth::cli {

struct WatermarkOptions : watermark::PolicySettings {
  void declare(CLI::App& verb);
};

// How an answer of a command is marked; `adapter`: its path, whose last part is its name.
Result<std::optional<watermark::Mark>> mark_of(const WatermarkOptions& options,
                                               const SamplingParams& sampling,
                                               const std::string& adapter);

}  // namespace hearth::cli
