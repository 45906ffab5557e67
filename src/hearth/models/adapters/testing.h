// What the tests of adapters share: random adapters in PEFT's form for any model.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "hearth/files/safetensors/safetensors_writer.h"
#include "hearth/models/adapters/adapter.h"

namespace hearth::test {

// A folder that cleans up.
class AdapterFolder {
 public:
  AdapterFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "hearth-adapters-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~AdapterFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct RandomAdapter {
  std::vector<std::string> targets;  // last words of modules: "q_proj"
  int64_t rank = 4;
  double b_sigma = 0.5;  // 0: a delta of nothing
  uint32_t seed = 1;
};

// Names and shapes of the weights of `model` that `targets` say.
inline std::vector<TensorSpec> targeted(const Model& model,
                                        const std::vector<std::string>& targets) {
  std::vector<TensorSpec> out;
  const std::string guessing = fmt::format("blk.{}.", model.info().num_hidden_layers);
  model.visit_weights([&](const TensorSpec& spec, const Weight&) {
    if (spec.expert >= 0 || spec.name.empty() || spec.gguf_name.starts_with(guessing)) return;
    for (const std::string& target : targets) {
      if (spec.name.ends_with("." + target + ".weight")) out.push_back(spec);
    }
  });
  return out;
}

// Writes `path`/ as PEFT would; returns `path`.
inline std::string write_random_adapter(const std::string& path, const Model& model,
                                        const RandomAdapter& options) {
  std::filesystem::create_directories(path);
  const Json config = {{"peft_type", "LORA"},
                       {"r", options.rank},
                       {"lora_alpha", 2 * options.rank},
                       {"target_modules", options.targets}};
  std::ofstream(path + "/adapter_config.json") << config.dump();
  std::vector<SafetensorsDeclaration> tensors;
  std::vector<float> values;
  std::mt19937 random(options.seed);
  const auto add = [&](const std::string& name, int64_t rows, int64_t columns, double sigma) {
    tensors.push_back({name, "F32", {rows, columns}});
    std::normal_distribution<float> normal(0, 1);
    for (int64_t i = 0; i < rows * columns; ++i) {
      values.push_back(normal(random) * static_cast<float>(sigma));
    }
  };
  for (const TensorSpec& spec : targeted(model, options.targets)) {
    const std::string module = "base_model.model." + spec.name.substr(0, spec.name.rfind('.'));
    const int64_t in = spec.shape[1];
    add(module + ".lora_A.weight", options.rank, in, 1 / std::sqrt(static_cast<double>(in)));
    add(module + ".lora_B.weight", spec.shape[0], options.rank,
        options.b_sigma / std::sqrt(static_cast<double>(options.rank)));
  }
  auto writer = SafetensorsWriter::create(path + "/adapter_model.safetensors", tensors);
  CHECK(writer.has_value());
  CHECK(writer->write(std::as_bytes(std::span(values))).is_ok());
  CHECK(writer->finish().is_ok());
  return path;
}

}  // namespace hearth::test
