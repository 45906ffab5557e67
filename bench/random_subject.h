// A network of a shape (a name, or a config.json), with random weights, on this machine's best CPU
// kernels.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/files/json.h"
#include "hearth/host/fit.h"
#include "hearth/models/shapes.h"
#include "hearth/models/tiny/random_model.h"

namespace hearth {

struct RandomSubject {
  std::unique_ptr<CpuBackend> backend;
  LoadedModel loaded;
};

// nullopt: no such shape or format, which has been said.
inline std::optional<RandomSubject> random_subject(const std::string& shape,
                                                   const std::string& format_name) {
  const auto format = format_by_name(format_name);
  const auto config = shape.ends_with(".json") ? read_json_file(shape) : shape_config(shape, 0);
  if (!format || !config) {
    fmt::print(stderr, "expected a shape and a weight format, found {} {}\n", shape, format_name);
    return std::nullopt;
  }
  RandomSubject out;
  out.backend = std::make_unique<CpuBackend>(default_threads(), *cpu::available_tables().front());
  RandomModelOptions options;
  options.format = *format;
  options.threads = default_threads();
  auto loaded = make_random_model(*config, *out.backend, options);
  CHECK(loaded.has_value());
  out.loaded = *std::move(loaded);
  return out;
}

}  // namespace hearth
