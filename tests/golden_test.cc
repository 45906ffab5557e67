// Fidelity: tiny random checkpoints of every architecture, written by Hugging Face transformers,
// must give the logits that transformers gave in float32 (tools/golden makes both). The reference
// and every instruction set are held to them, and to each other's bits however a prompt is cut.
#include <gtest/gtest.h>

#include <filesystem>

#include "golden_run.h"
#include "hearth/backend/make_backend.h"

namespace hearth::golden {
namespace {

class Golden : public testing::TestWithParam<std::string> {
 protected:
  // Compares prompt and generated logits of one backend with transformers'.
  void check(Backend& backend) {
    const std::string dir = kDirectory + "/" + GetParam();
    auto golden = Safetensors::open(dir + "/golden.safetensors");
    ASSERT_TRUE(golden.has_value()) << golden.status().message();
    const auto opened = open_model(dir, backend);
    ASSERT_TRUE(opened);
    const Model& model = *opened->loaded.model;
    const auto prompt = ids_of(*golden, "input_ids");
    const double error =
        compare(run(model, backend, prompt, 0, 512).logits, 0, rows_of(*golden, "logits"));
    EXPECT_LE(error, kTolerance);
    RecordProperty("relative_error", std::to_string(error));

    const auto generated = ids_of(*golden, "generated_ids");
    if (generated.empty()) return;
    const auto length = prompt_length(*golden);
    const std::vector<int32_t> start(prompt.begin(),
                                     prompt.begin() + static_cast<std::ptrdiff_t>(length));
    const Outcome answer = run(model, backend, start, static_cast<int64_t>(generated.size()), 512);
    EXPECT_EQ(answer.generated, generated);
    EXPECT_LE(compare(answer.logits, length - 1, rows_of(*golden, "generated_logits")), kTolerance);
  }
};

TEST_P(Golden, ReferenceMatchesTransformers) {
  BackendOptions options;
  options.device = "reference";
  auto backend = make_backend(options);
  check(**backend);
}

TEST_P(Golden, EveryInstructionSetMatchesTransformers) {
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    SCOPED_TRACE(table->name);
    CpuBackend backend(2, *table, Activation::f32);
    check(backend);
  }
}

// One piece = chunks = token by token, 1 thread = 3 threads, scalar = AVX-512: bit for bit.
TEST_P(Golden, BitsDoNotDependOnChunksThreadsOrInstructionSet) {
  const std::string dir = kDirectory + "/" + GetParam();
  auto golden = Safetensors::open(dir + "/golden.safetensors");
  ASSERT_TRUE(golden.has_value());
  const auto prompt = ids_of(*golden, "input_ids");
  Outcome first;
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    for (int threads : {1, 3}) {
      CpuBackend backend(threads, *table);
      const auto opened = open_model(dir, backend);
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
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kDirectory)) {
    if (std::filesystem::exists(entry.path() / "config.json")) {
      names.push_back(entry.path().filename());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Golden, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace hearth::golden
