// Reads the rotary embedding of a checkpoint, from config.json (`rope_theta` and `rope_scaling`, or
// the newer `rope_parameters`) or from GGUF keys (`<arch>.rope.*`), into one value.
#pragma once

#include <optional>
#include <vector>

#include "hearth/backend/rope.h"
#include "hearth/base/status.h"
#include "hearth/files/json.h"
#include "hearth/models/gguf_fields.h"

namespace hearth {

struct RopeConfig {
  double theta = 10000;
  std::optional<double> linear_factor;
  std::optional<Llama3Scaling> llama3;
  std::optional<YarnScaling> yarn;
  std::vector<double> frequency_factors;  // GGUF `rope_freqs`: Llama 3 scaling as divisors

  static Result<RopeConfig> from_hf(const Json& config, int64_t max_position_embeddings);
  static Result<RopeConfig> from_gguf(const GgufFields& fields);

  Rope make(int64_t dims, RopePairs pairs) const;
};

}  // namespace hearth
