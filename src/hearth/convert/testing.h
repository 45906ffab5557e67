// What the tests of conversions share: a folder that cleans up, random checkpoints, logits of a
// model on disk, whole files as text.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "hearth/backend/make_backend.h"
#include "hearth/base/mapped_file.h"
#include "hearth/convert/quantize.h"
#include "hearth/files/checkpoint.h"
#include "hearth/models/load.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth::test {

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "hearth-convert-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::string content(const std::string& path) {
  auto text = read_file(path, int64_t{1} << 30);
  EXPECT_TRUE(text.has_value()) << text.status().message();
  return text ? *text : "";
}

inline std::string tiny(const std::string& path, const std::string& architecture, Format format) {
  TinyOptions options;
  options.architecture = architecture;
  options.format = format;
  const auto report = write_tiny(path, options);
  EXPECT_TRUE(report.has_value()) << report.status().message();
  return path;
}

inline QuantizeOptions options_of(const std::string& mix) {
  QuantizeOptions options;
  options.recipe.mix = *mix_by_name(mix);
  options.threads = 2;
  return options;
}

inline std::string quantized(const std::string& in, const std::string& out,
                             const std::string& mix) {
  const auto report = quantize(in, out, options_of(mix));
  EXPECT_TRUE(report.has_value()) << report.status().message();
  return out;
}

// Logits [tokens * vocab] of a few prompt tokens in one step, by the specification.
inline std::vector<float> logits_of(const std::string& path) {
  auto checkpoint = Checkpoint::open(path);
  EXPECT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  if (!checkpoint) return {};
  BackendOptions options;
  options.device = "reference";
  auto backend = make_backend(options);
  auto loaded = load_model(*checkpoint, **backend, {});
  EXPECT_TRUE(loaded.has_value()) << loaded.status().message();
  if (!loaded) return {};
  const Model& model = *loaded->model;
  KvCache cache(model.kv_spec(Format::f32), 1);
  Batch batch;
  batch.tokens = {0, 70, 61, 9};
  batch.sequences = {{0, 4, 0, Role::prompt, {0}}};
  batch.logits_rows = {0, 1, 2, 3};
  (*backend)->begin_step();
  const Tensor logits = model.forward(**backend, batch, cache).logits;
  return {logits.f32().begin(), logits.f32().end()};
}

// Largest difference as a share of the largest logit.
inline double difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  double top = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    top = std::max(top, std::abs(static_cast<double>(b[i])));
  }
  return worst / top;
}

}  // namespace hearth::test
