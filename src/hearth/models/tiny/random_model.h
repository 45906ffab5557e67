// A network of any shape with random weights, in memory and within seconds: what `hearth bench`
// measures without a file. It is held as load_model would hold the published BF16 checkpoint under
// --dtype, so that the memory plan of the config foretells it.
//
// Matrices of one width are cut from one bank of encoded random rows, each matrix from another row
// on: bytes that repeat, at addresses that don't, so that every read is a true one.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "hearth/models/load.h"

namespace hearth {

struct RandomModelOptions {
  // Of matrices; f8_e4m3: of the projections, in scaled tiles as DeepSeek-V3 stores them.
  Format format = Format::bf16;
  uint64_t seed = 1;
  int threads = 1;
  std::function<void(int64_t done, int64_t total)> progress;  // tensors
};

// invalid: a config that is wrong. Whether its tensors fit into memory is the caller's question.
Result<LoadedModel> make_random_model(const Json& config, Backend& backend,
                                      const RandomModelOptions& options);

}  // namespace hearth
