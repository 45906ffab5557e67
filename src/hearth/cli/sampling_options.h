// The flags of sampling and length that `run` and `generate` share. A flag that is not given leaves
// the model's own default.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hearth/engine/generation.h"

namespace hearth::cli {

struct SamplingOptions {
  std::optional<double> temperature, top_p, min_p;
  std::optional<double> repetition_penalty, frequency_penalty, presence_penalty;
  std::optional<int64_t> top_k;
  uint64_t seed = 0;
  int64_t max_tokens = 0;  // 0: what the context leaves
  std::vector<std::string> stop;

  void declare(CLI::App& verb);
  SamplingParams over(const SamplingParams& defaults) const;
};

}  // namespace hearth::cli
