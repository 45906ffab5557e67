// Fidelity of GGUF files of every layout: split and whole kv_b, stacked experts, tied embeddings,
// quantised blocks, split files, and files that lack the keys of the expert groups. The golden
// logits are float32 transformers' on the tensors as the `gguf` package dequantises them.
#include <gtest/gtest.h>

#include <filesystem>

#include "golden_run.h"
#include "hearth/backend/reference/reference_backend.h"

namespace hearth::golden {
namespace {

const std::string kGguf = kDirectory + "/gguf/";
// Made before the expert-group keys existed; its golden logits used n_group 4, topk_group 2.
const std::string kOld = "deepseek2_old_no_groups_bf16";

std::string path_of(const std::string& name) {
  const std::string whole = kGguf + name + ".gguf";
  if (std::filesystem::exists(whole)) return whole;
  for (const auto& entry : std::filesystem::directory_iterator(kGguf)) {
    const std::string file = entry.path().filename();
    // Any part of a split model opens all of it: take the last.
    if (file.starts_with(name + "-00003-of-00003")) return entry.path();
  }
  ADD_FAILURE() << "no GGUF file of " << name;
  return whole;
}

LoadOptions options_of(const std::string& name) {
  LoadOptions options;
  if (name == kOld) options.hints.expert_groups = ExpertGroups{4, 2};
  return options;
}

Safetensors golden_of(const std::string& name) {
  auto golden = Safetensors::open(kGguf + name + ".golden.safetensors");
  CHECK(golden.has_value());
  return *std::move(golden);
}

class GoldenGguf : public testing::TestWithParam<std::string> {
 protected:
  void check(Backend& backend) {
    const Safetensors golden = golden_of(GetParam());
    const auto opened = open_model(path_of(GetParam()), backend, options_of(GetParam()));
    ASSERT_TRUE(opened);
    const Model& model = *opened->loaded.model;
    const auto prompt = ids_of(golden, "input_ids");
    const Outcome found = run(model, backend, prompt, 0, 512);
    EXPECT_LE(compare(found.logits, 0, rows_of(golden, "logits")), kTolerance);
  }
};

TEST_P(GoldenGguf, ReferenceMatchesTransformers) {
  ReferenceBackend backend(Activation::f32);
  check(backend);
}

// Activations of eight bits add noise of their own, about as much as Q8_0 weights: far from
// 1e-4, and far from a wrong product.
TEST_P(GoldenGguf, EightBitActivationsStayClose) {
  const Safetensors golden = golden_of(GetParam());
  const auto prompt = ids_of(golden, "input_ids");
  const Rows expected = rows_of(golden, "logits");
  ReferenceBackend reference;
  CpuBackend cpu(2, *cpu::available_tables().front());
  Outcome outcomes[2];
  Backend* const backends[] = {&reference, &cpu};
  for (int i = 0; i < 2; ++i) {
    const auto opened = open_model(path_of(GetParam()), *backends[i], options_of(GetParam()));
    ASSERT_TRUE(opened);
    outcomes[i] = run(*opened->loaded.model, *backends[i], prompt, 0, 512);
    EXPECT_LE(difference(outcomes[i].logits, 0, expected), 0.03);
  }
  EXPECT_LE(difference(outcomes[1].logits, 0, outcomes[0].logits), 0.03);
}

TEST_P(GoldenGguf, EveryInstructionSetMatchesTransformers) {
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    SCOPED_TRACE(table->name);
    CpuBackend backend(2, *table, Activation::f32);
    check(backend);
  }
}

TEST_P(GoldenGguf, BitsDoNotDependOnChunksThreadsOrInstructionSet) {
  const auto prompt = ids_of(golden_of(GetParam()), "input_ids");
  Outcome first;
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    for (int threads : {1, 3}) {
      CpuBackend backend(threads, *table);
      const auto opened = open_model(path_of(GetParam()), backend, options_of(GetParam()));
      ASSERT_TRUE(opened);
      for (int64_t chunk : {512, 7, 1}) {
        SCOPED_TRACE(fmt::format("{} threads {} chunk {}", table->name, threads, chunk));
        Outcome now = run(*opened->loaded.model, backend, prompt, 8, chunk);
        if (first.logits.empty())
          first = std::move(now);
        else
          EXPECT_TRUE(now == first);
      }
    }
  }
}

std::vector<std::string> cases() {
  constexpr std::string_view kEnd = ".golden.safetensors";
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGguf)) {
    const std::string file = entry.path().filename();
    if (file.ends_with(kEnd)) names.push_back(file.substr(0, file.size() - kEnd.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenGguf, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param; });

// Group limits are never dropped in silence: the reader is told, and the logits are others.
TEST(GoldenGgufGroups, AFileWithoutGroupKeysSaysSo) {
  ReferenceBackend backend;
  const auto plain = open_model(path_of(kOld), backend);
  ASSERT_TRUE(plain);
  ASSERT_EQ(plain->loaded.notices.size(), 1u);
  EXPECT_NE(plain->loaded.notices[0].find("expert_group_count"), std::string::npos);
  const Safetensors golden = golden_of(kOld);
  const auto found = run(*plain->loaded.model, backend, ids_of(golden, "input_ids"), 0, 512);
  EXPECT_GT(difference(found.logits, 0, rows_of(golden, "logits")), 1e-2);

  const auto limited = open_model(path_of(kOld), backend, options_of(kOld));
  ASSERT_TRUE(limited);
  EXPECT_TRUE(limited->loaded.notices.empty());
}

TEST(GoldenGgufGroups, TheFilesOwnKeysWin) {
  ReferenceBackend backend;
  const std::string name = "deepseek2_groups_bf16";
  LoadOptions options;
  options.hints.expert_groups = ExpertGroups{1, 1};
  const auto opened = open_model(path_of(name), backend, options);
  ASSERT_TRUE(opened);
  const Safetensors golden = golden_of(name);
  const auto found = run(*opened->loaded.model, backend, ids_of(golden, "input_ids"), 0, 512);
  EXPECT_LE(compare(found.logits, 0, rows_of(golden, "logits")), kTolerance);
}

TEST(GoldenGgufGroups, GroupsThatDoNotFitAreRefused) {
  ReferenceBackend backend;
  auto checkpoint = Checkpoint::open(path_of(kOld));
  ASSERT_TRUE(checkpoint.has_value());
  constexpr ExpertGroups kWrong[] = {{3, 1}, {4, 5}, {0, 0}, {-4, 2}, {4, 0}};
  for (const ExpertGroups& groups : kWrong) {
    LoadOptions options;
    options.hints.expert_groups = groups;
    const auto loaded = load_model(*checkpoint, backend, options);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_NE(loaded.status().message().find("n_group"), std::string::npos)
        << loaded.status().message();
  }
}

}  // namespace
}  // namespace hearth::golden
