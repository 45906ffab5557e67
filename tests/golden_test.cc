// Fidelity: tiny random checkpoints of every architecture, written by Hugging Face transformers,
// must give the logits that transformers gave in float32 (tools/golden makes both). The reference
// and every instruction set are held to them, and to each other's bits however a prompt is cut.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/make_backend.h"
#include "hearth/engine/engine.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/models/load.h"

namespace hearth {
namespace {

const std::string kGolden = HEARTH_SOURCE_DIR "/tests/golden";
constexpr double kTolerance = 1e-4;  // of the largest logit

using Rows = std::vector<std::vector<float>>;

std::vector<int32_t> ids_of(const Safetensors& file, const char* name) {
  std::vector<int32_t> ids;
  const TensorEntry* entry = file.find(name);
  if (!entry) return ids;
  for (int64_t i = 0; i < entry->tensor.shape.elements(); ++i) {
    int64_t id;
    std::memcpy(&id, entry->tensor.data + i * 8, 8);
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

Rows rows_of(const Safetensors& file, const char* name) {
  Rows rows;
  const TensorEntry* entry = file.find(name);
  if (!entry) return rows;
  for (int64_t r = 0; r < entry->tensor.rows(); ++r) {
    std::vector<float> row(static_cast<size_t>(entry->tensor.columns()));
    std::memcpy(row.data(), entry->tensor.row(r), row.size() * 4);
    rows.push_back(std::move(row));
  }
  return rows;
}

size_t prompt_length(const Safetensors& file) {
  for (const auto& [key, value] : file.metadata()) {
    if (key == "prompt_length") return std::stoul(value);
  }
  ADD_FAILURE() << "golden.safetensors: no prompt_length";
  return 0;
}

struct Outcome {
  Rows logits;
  std::vector<int32_t> generated;
};

// All logits of a prompt and of the greedy answer, with `chunk` rows in a step at most.
Outcome run(const Model& model, Backend& backend, const std::vector<int32_t>& prompt,
            int64_t answer, int64_t chunk) {
  EngineOptions options;
  options.limits.batch_tokens_max = chunk;
  options.kv_format = Format::f32;
  Engine engine(model, backend, options, {});
  Outcome out;
  TokenRequest request;
  request.prompt = prompt;
  request.max_tokens = answer;
  request.sampling.temperature = 0;
  TokenSink sink;
  sink.on_logits = [&](std::span<const float> row) {
    out.logits.emplace_back(row.begin(), row.end());
  };
  sink.on_token = [&](int32_t id) {
    out.generated.push_back(id);
    return true;
  };
  auto id = engine.submit(std::move(request), std::move(sink));
  EXPECT_TRUE(id.has_value()) << id.status().message();
  while (!engine.idle()) engine.step();
  return out;
}

double largest(const Rows& rows) {
  double top = 0;
  for (const auto& row : rows) {
    for (float v : row) top = std::max(top, std::abs(static_cast<double>(v)));
  }
  return top;
}

// Largest difference as a share of the largest logit; the most likely token must be the same.
double compare(const Rows& found, size_t offset, const Rows& expected) {
  double worst = 0;
  EXPECT_GE(found.size(), offset + expected.size());
  if (found.size() < offset + expected.size()) return 1;
  for (size_t r = 0; r < expected.size(); ++r) {
    const auto& a = found[offset + r];
    const auto& b = expected[r];
    for (size_t i = 0; i < b.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    }
    EXPECT_EQ(std::max_element(a.begin(), a.end()) - a.begin(),
              std::max_element(b.begin(), b.end()) - b.begin())
        << "top-1 of row " << r;
  }
  return worst / largest(expected);
}

struct Opened {
  Checkpoint checkpoint;
  LoadedModel loaded;
};

std::unique_ptr<Opened> open_model(const std::string& path, Backend& backend) {
  auto checkpoint = Checkpoint::open(path);
  EXPECT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  if (!checkpoint) return nullptr;
  auto opened = std::unique_ptr<Opened>(new Opened{*std::move(checkpoint), {}});
  auto loaded = load_model(opened->checkpoint, backend, {});
  EXPECT_TRUE(loaded.has_value()) << loaded.status().message();
  if (!loaded) return nullptr;
  opened->loaded = *std::move(loaded);
  return opened;
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  // Compares prompt and generated logits of one backend with transformers'.
  void check(Backend& backend) {
    const std::string dir = kGolden + "/" + GetParam();
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
    CpuBackend backend(2, *table);
    check(backend);
  }
}

// One piece = chunks = token by token, 1 thread = 3 threads, scalar = AVX-512: bit for bit.
TEST_P(Golden, BitsDoNotDependOnChunksThreadsOrInstructionSet) {
  const std::string dir = kGolden + "/" + GetParam();
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
          EXPECT_TRUE(now.logits == first.logits && now.generated == first.generated);
      }
    }
  }
}

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
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
}  // namespace hearth
