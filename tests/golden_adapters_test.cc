// Fidelity of adapters: random LoRA adapters that PEFT saved must give the logits that PEFT gave
// (tools/golden/make_adapters.py makes both), on the reference and every instruction set, whichever
// of its forms base and adapter come in, and the same bits however a prompt is cut.
#include <gtest/gtest.h>

#include <filesystem>

#include "golden_run.h"
#include "hearth/backend/reference/reference_backend.h"
#include "hearth/convert/quantize.h"
#include "hearth/models/adapters/adapter.h"
#include "hearth/models/adapters/testing.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth::golden {
namespace {

const std::string kAdapters = kDirectory + "/adapters";

// "qwen2/all": the base and its adapter.
std::string base_of(const std::string& name) {
  return kDirectory + "/" + name.substr(0, name.find('/'));
}

std::shared_ptr<const Adapter> opened_adapter(const std::string& path, const Opened& base,
                                              Backend& backend) {
  auto adapter = load_adapter(path, base.loaded, backend);
  EXPECT_TRUE(adapter.has_value()) << adapter.status().message();
  return adapter ? *adapter : nullptr;
}

// Prompt and generated logits against PEFT's.
void expect_golden(const std::string& name, const Opened& base, Backend& backend,
                   const std::shared_ptr<const Adapter>& adapter) {
  auto golden = Safetensors::open(kAdapters + "/" + name + "/golden.safetensors");
  ASSERT_TRUE(golden.has_value()) << golden.status().message();
  const Model& model = *base.loaded.model;
  const auto prompt = ids_of(*golden, "input_ids");
  EXPECT_LE(
      compare(run(model, backend, prompt, 0, 512, adapter).logits, 0, rows_of(*golden, "logits")),
      kTolerance);
  const auto generated = ids_of(*golden, "generated_ids");
  const auto length = prompt_length(*golden);
  const std::vector<int32_t> start(prompt.begin(),
                                   prompt.begin() + static_cast<std::ptrdiff_t>(length));
  const Outcome answer =
      run(model, backend, start, static_cast<int64_t>(generated.size()), 512, adapter);
  EXPECT_EQ(answer.generated, generated);
  EXPECT_LE(compare(answer.logits, length - 1, rows_of(*golden, "generated_logits")), kTolerance);
}

// The base at `in` with the adapter in its weights, in F32.
std::string merged(const std::string& in, const std::string& adapter, const std::string& out) {
  QuantizeOptions options;
  options.recipe.mix = *mix_by_name("f32");
  options.recipe.adapter = adapter;
  options.threads = 2;
  options.replace = true;
  const auto report = quantize(in, out, options);
  EXPECT_TRUE(report.has_value()) << report.status().message();
  return out;
}

class GoldenAdapter : public testing::TestWithParam<std::string> {};

TEST_P(GoldenAdapter, ReferenceAndInstructionSetsMatchPeft) {
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(std::make_unique<ReferenceBackend>(Activation::f32));
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    backends.push_back(std::make_unique<CpuBackend>(2, *table, Activation::f32));
  }
  for (const auto& backend : backends) {
    SCOPED_TRACE(backend->name());
    const auto base = open_model(base_of(GetParam()), *backend);
    ASSERT_TRUE(base);
    const auto adapter = opened_adapter(kAdapters + "/" + GetParam(), *base, *backend);
    ASSERT_TRUE(adapter);
    expect_golden(GetParam(), *base, *backend, adapter);
  }
}

TEST_P(GoldenAdapter, MergedIntoItsBaseIsTheSameModel) {
  const test::AdapterFolder folder;
  CpuBackend backend(2, *cpu::available_tables().front(), Activation::f32);
  const auto model = open_model(
      merged(base_of(GetParam()), kAdapters + "/" + GetParam(), folder / "merged"), backend);
  ASSERT_TRUE(model);
  expect_golden(GetParam(), *model, backend, nullptr);
}

TEST_P(GoldenAdapter, BitsDoNotDependOnChunksThreadsOrInstructionSet) {
  auto golden = Safetensors::open(kAdapters + "/" + GetParam() + "/golden.safetensors");
  ASSERT_TRUE(golden.has_value());
  const auto prompt = ids_of(*golden, "input_ids");
  Outcome first;
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    for (const int threads : {1, 3}) {
      CpuBackend backend(threads, *table);
      const auto base = open_model(base_of(GetParam()), backend);
      ASSERT_TRUE(base);
      const auto adapter = opened_adapter(kAdapters + "/" + GetParam(), *base, backend);
      ASSERT_TRUE(adapter);
      for (const int64_t chunk : {512, 7, 1}) {
        SCOPED_TRACE(fmt::format("{} threads {} chunk {}", table->name, threads, chunk));
        Outcome now = run(*base->loaded.model, backend, prompt, 8, chunk, adapter);
        if (first.logits.empty()) {
          first = std::move(now);
        } else {
          EXPECT_TRUE(now == first);
        }
      }
    }
  }
}

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& base : std::filesystem::directory_iterator(kAdapters)) {
    for (const auto& entry : std::filesystem::directory_iterator(base.path())) {
      if (!entry.is_directory()) continue;
      names.push_back(base.path().filename().string() + "/" + entry.path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Peft, GoldenAdapter, testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
});

// llama.cpp keeps llama's rotary rows in another order: a GGUF adapter on a directory.
TEST(GoldenAdapterForms, GgufAdaptersFitDirectories) {
  CpuBackend backend(1, *cpu::available_tables().front(), Activation::f32);
  const auto base = open_model(kDirectory + "/llama", backend);
  ASSERT_TRUE(base);
  const auto adapter = opened_adapter(kAdapters + "/llama/attention.gguf", *base, backend);
  ASSERT_TRUE(adapter);
  EXPECT_EQ(adapter->facts().format, "gguf");
  expect_golden("llama/attention", *base, backend, adapter);
}

// And the other way round: the directory and the GGUF file of one tiny network, which differ in the
// order of their rows, agree under one PEFT adapter, and so do all that it is merged into.
TEST(GoldenAdapterForms, PeftAdaptersFitGgufBases) {
  const test::AdapterFolder folder;
  for (const char* architecture : {"llama", "qwen3", "deepseek_v3"}) {
    SCOPED_TRACE(architecture);
    TinyOptions tiny;
    tiny.architecture = architecture;
    tiny.format = Format::f32;
    std::vector<Outcome> outcomes;
    for (const char* ending : {"", ".gguf"}) {
      tiny.replace = true;
      const std::string path = folder / (architecture + std::string(ending));
      ASSERT_TRUE(write_tiny(path, tiny).has_value());
      CpuBackend backend(1, *cpu::available_tables().front(), Activation::f32);
      const auto base = open_model(path, backend);
      ASSERT_TRUE(base);
      const Model& model = *base->loaded.model;
      const std::string written = test::write_random_adapter(
          folder / "adapter", model,
          {{"q_proj", "k_proj", "o_proj", "up_proj", "q_b_proj", "kv_a_proj_with_mqa"}, 4, 0.5, 1});
      const auto adapter = opened_adapter(written, *base, backend);
      ASSERT_TRUE(adapter);
      const std::vector<int32_t> prompt = {1, 5, 9, 4, 3, 8, 20, 11};
      EXPECT_NE(run(model, backend, prompt, 4, 512, adapter).logits,
                run(model, backend, prompt, 4, 512).logits);
      outcomes.push_back(run(model, backend, prompt, 4, 512, adapter));
      for (const char* out : {"out", "out.gguf"}) {
        const auto whole = open_model(merged(path, written, folder / out), backend);
        ASSERT_TRUE(whole);
        outcomes.push_back(run(*whole->loaded.model, backend, prompt, 4, 512));
      }
    }
    for (const Outcome& outcome : outcomes) {
      EXPECT_LE(compare(outcome.logits, 0, outcomes[0].logits), 1e-5);
    }
  }
}

}  // namespace
}  // namespace hearth::golden
