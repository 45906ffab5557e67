// Every architecture in every format that its file can hold: written, opened, loaded, run. The
// backends must agree, and a directory and a GGUF file of one seed must be the same network.
#include "hearth/models/tiny/tiny.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "hearth/backend/make_backend.h"
#include "hearth/base/mapped_file.h"
#include "hearth/files/checkpoint.h"
#include "hearth/models/load.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string pattern = fs::temp_directory_path() / "hearth-tiny-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

struct Case {
  std::string architecture;
  Format format;
  bool gguf;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& architecture : tiny_architectures()) {
    for (const FormatInfo& info : kFormats) {
      if (info.format != Format::f8_e4m3) all.push_back({architecture, info.format, true});
      if (info.block_elements == 1) all.push_back({architecture, info.format, false});
    }
  }
  return all;
}

std::string write(const Folder& folder, const Case& c, uint64_t seed = 1, int threads = 1) {
  const std::string path = folder / (c.gguf ? "model.gguf" : "model");
  TinyOptions options;
  options.architecture = c.architecture;
  options.format = c.format;
  options.seed = seed;
  options.threads = threads;
  options.replace = true;
  const auto report = write_tiny(path, options);
  EXPECT_TRUE(report.has_value()) << report.status().message();
  return path;
}

// Logits [tokens * vocab] of three prompt tokens in one step.
std::vector<float> logits_of(const std::string& path, const std::string& device,
                             Activation activation = Activation::f32) {
  auto checkpoint = Checkpoint::open(path);
  EXPECT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  if (!checkpoint) return {};
  BackendOptions options;
  options.device = device;
  options.activation = activation;
  auto backend = make_backend(options);
  auto loaded = load_model(*checkpoint, **backend, {});
  EXPECT_TRUE(loaded.has_value()) << loaded.status().message();
  if (!loaded) return {};
  EXPECT_TRUE(loaded->notices.empty());
  const Model& model = *loaded->model;
  KvCache cache(model.kv_spec(Format::f32), 1);
  Batch batch;
  batch.tokens = {0, 70, 131};
  batch.sequences = {{0, 3, 0, Role::prompt, {0}}};
  batch.logits_rows = {0, 1, 2};
  (*backend)->begin_step();
  const Tensor logits = model.forward(**backend, batch, cache).logits;
  return {logits.f32().begin(), logits.f32().end()};
}

// Largest difference as a share of the largest logit.
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  double top = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    top = std::max(top, std::abs(static_cast<double>(b[i])));
  }
  return worst / top;
}

class Tiny : public testing::TestWithParam<Case> {};

TEST_P(Tiny, RunsAlikeOnEveryBackend) {
  const Folder folder;
  const std::string path = write(folder, GetParam());
  const auto reference = logits_of(path, "reference");
  ASSERT_FALSE(reference.empty());
  EXPECT_LE(difference(logits_of(path, "cpu"), reference), 1e-5);
  // Random networks amplify the noise of eight-bit activations; a wrong product would be of
  // order 1.
  EXPECT_LE(difference(logits_of(path, "cpu", Activation::automatic), reference), 0.15);

  // Logits that differ between tokens and positions: nothing has died on the way.
  const size_t vocab = reference.size() / 3;
  const auto [low, high] = std::minmax_element(reference.begin(), reference.begin() + 256);
  EXPECT_GT(*high - *low, 1.0f);
  EXPECT_LT(*high - *low, 100.0f);
  EXPECT_FALSE(std::equal(reference.begin(), reference.begin() + 256,
                          reference.begin() + static_cast<std::ptrdiff_t>(vocab)));
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Tiny, testing::ValuesIn(cases()), [](const auto& info) {
  return fmt::format("{}_{}_{}", info.param.architecture, format_info(info.param.format).name,
                     info.param.gguf ? "gguf" : "directory");
});

class TinyPair : public testing::TestWithParam<std::string> {};

TEST_P(TinyPair, DirectoryAndGgufAreTheSameNetwork) {
  const Folder folder;
  const auto directory = logits_of(write(folder, {GetParam(), Format::f32, false}), "reference");
  const auto gguf = logits_of(write(folder, {GetParam(), Format::f32, true}), "reference");
  EXPECT_LE(difference(gguf, directory), 1e-6);
  // Coarser formats stay near: a wrong row order or scale would not.
  const auto q8 = logits_of(write(folder, {GetParam(), Format::q8_0, true}), "cpu");
  EXPECT_LE(difference(q8, directory), 0.15);
}

TEST_P(TinyPair, SeedAloneDecidesEveryByte) {
  const Folder one, two, three;
  const Case c{GetParam(), Format::q8_0, true};
  const auto bytes_of = [](const std::string& path) {
    auto file = MappedFile::open(path);
    EXPECT_TRUE(file.has_value());
    return std::vector<std::byte>(file->bytes().begin(), file->bytes().end());
  };
  const auto first = bytes_of(write(one, c, 7));
  EXPECT_EQ(first, bytes_of(write(two, c, 7, 3)));
  EXPECT_NE(first, bytes_of(write(three, c, 8)));
}

INSTANTIATE_TEST_SUITE_P(Architectures, TinyPair, testing::ValuesIn(tiny_architectures()),
                         [](const auto& info) { return info.param; });

TEST(TinyRefuses, WhatCannotBeWritten) {
  const Folder folder;
  const auto refused = [&](const std::string& name, const TinyOptions& options) {
    const auto report = write_tiny(folder / name, options);
    return report ? std::string() : report.status().message();
  };
  TinyOptions options;
  options.architecture = "gpt5";
  EXPECT_NE(refused("a", options).find("expected one of deepseek_v3"), std::string::npos);
  options.architecture = "llama";
  options.format = Format::q4_k;
  EXPECT_NE(refused("a", options).find("not q4_k"), std::string::npos);
  options.format = Format::f8_e4m3;
  EXPECT_NE(refused("a.gguf", options).find("f8_e4m3"), std::string::npos);
  options.format = Format::bf16;
  EXPECT_EQ(refused("taken", options), "");
  EXPECT_NE(refused("taken", options).find("new or empty directory"), std::string::npos);
  options.config = *tiny_config("qwen2");
  EXPECT_NE(refused("b", options).find("expected llama, found qwen2"), std::string::npos);
  options.architecture.clear();
  (*options.config)["vocab_size"] = 80;
  EXPECT_NE(refused("b", options).find("`vocab_size`: expected at least 266"), std::string::npos);
}

}  // namespace
}  // namespace hearth
