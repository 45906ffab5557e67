// Fidelity of the layer for multi-token prediction: a tiny random checkpoint of DeepSeek-V3 with
// one must give the logits of the reference in tools/golden/mtp.py, on the reference and every
// instruction set, and the same bits however a prompt is cut.
#include <gtest/gtest.h>

#include "golden_run.h"
#include "hearth/backend/reference/reference_backend.h"
#include "hearth/models/adapters/testing.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth::golden {
namespace {

const std::string kCase = kDirectory + "/deepseek_v3_mtp";

std::vector<std::unique_ptr<Backend>> all_backends(Activation activation) {
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(std::make_unique<ReferenceBackend>(activation));
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    backends.push_back(std::make_unique<CpuBackend>(2, *table, activation));
  }
  return backends;
}

TEST(GoldenMtp, EveryBackendMatchesTheReference) {
  auto golden = Safetensors::open(kCase + "/golden.safetensors");
  ASSERT_TRUE(golden.has_value()) << golden.status().message();
  const auto ids = ids_of(*golden, "input_ids");
  const Rows expected = rows_of(*golden, "mtp_logits");
  ASSERT_EQ(expected.size() + 1, ids.size());
  for (const auto& backend : all_backends(Activation::f32)) {
    SCOPED_TRACE(backend->name());
    const auto opened = open_model(kCase, *backend, with_mtp());
    ASSERT_TRUE(opened);
    ASSERT_TRUE(opened->loaded.model->has_mtp());
    EXPECT_LE(compare(run_mtp(*opened->loaded.model, *backend, ids, 64), 0, expected), kTolerance);
  }
}

TEST(GoldenMtp, BitsDoNotDependOnChunksThreadsOrInstructionSet) {
  auto golden = Safetensors::open(kCase + "/golden.safetensors");
  ASSERT_TRUE(golden.has_value());
  const auto ids = ids_of(*golden, "input_ids");
  Rows first;
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    for (const int threads : {1, 3}) {
      CpuBackend backend(threads, *table);
      const auto opened = open_model(kCase, backend, with_mtp());
      ASSERT_TRUE(opened);
      for (const int64_t chunk : {64, 7, 1}) {
        SCOPED_TRACE(fmt::format("{} threads {} chunk {}", table->name, threads, chunk));
        const Rows now = run_mtp(*opened->loaded.model, backend, ids, chunk);
        if (first.empty()) first = now;
        EXPECT_TRUE(now == first);
      }
    }
  }
}

// The layer is read where it is asked for, and changes nothing that the model says.
TEST(GoldenMtp, TheModelIsTheSameWithAndWithoutIt) {
  CpuBackend backend(1, *cpu::available_tables().front());
  const auto with = open_model(kCase, backend, with_mtp());
  const auto without = open_model(kCase, backend);
  ASSERT_TRUE(with && without);
  EXPECT_FALSE(without->loaded.model->has_mtp());
  EXPECT_LT(without->loaded.parameters, with->loaded.parameters);
  const std::vector<int32_t> prompt = {5, 9, 4, 3, 8, 20, 11};
  EXPECT_TRUE(run(*with->loaded.model, backend, prompt, 8, 512) ==
              run(*without->loaded.model, backend, prompt, 8, 512));
}

// One network as a directory and as a GGUF file, under the names that llama.cpp has for the layer.
TEST(GoldenMtp, GgufFilesHaveTheSameLayer) {
  const test::AdapterFolder folder;
  TinyOptions tiny;
  tiny.architecture = "deepseek_v3";
  tiny.format = Format::f32;
  tiny.mtp = true;
  std::vector<Rows> logits;
  for (const char* name : {"model", "model.gguf"}) {
    ASSERT_TRUE(write_tiny(folder / name, tiny).has_value());
    CpuBackend backend(1, *cpu::available_tables().front(), Activation::f32);
    const auto opened = open_model(folder / name, backend, with_mtp());
    ASSERT_TRUE(opened && opened->loaded.model->has_mtp());
    logits.push_back(run_mtp(*opened->loaded.model, backend, {1, 5, 9, 4, 3, 8, 20, 11}, 64));
  }
  EXPECT_LE(compare(logits[1], 0, logits[0]), 1e-5);
}

}  // namespace
}  // namespace hearth::golden
