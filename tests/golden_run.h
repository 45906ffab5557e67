// What the golden tests share: opening a checkpoint, running a prompt through the engine, comparing
// logits with transformers'.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/engine/engine.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/models/load.h"

namespace hearth::golden {

inline const std::string kDirectory = HEARTH_SOURCE_DIR "/tests/golden";
inline constexpr double kTolerance = 1e-4;  // of the largest logit

using Rows = std::vector<std::vector<float>>;

// An I64 tensor of golden.safetensors; empty when it is absent.
inline std::vector<int32_t> ids_of(const Safetensors& file, const char* name) {
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

inline Rows rows_of(const Safetensors& file, const char* name) {
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

// How many of input_ids the greedy continuation of a golden file follows.
inline size_t prompt_length(const Safetensors& file) {
  for (const auto& [key, value] : file.metadata()) {
    if (key == "prompt_length") return std::stoul(value);
  }
  ADD_FAILURE() << "golden.safetensors: no prompt_length";
  return 0;
}

struct Outcome {
  Rows logits;
  std::vector<int32_t> generated;
  bool operator==(const Outcome&) const = default;
};

// All logits of a prompt and of the greedy answer, with `chunk` rows in a step at most.
inline Outcome run(const Model& model, Backend& backend, const std::vector<int32_t>& prompt,
                   int64_t answer, int64_t chunk,
                   const std::shared_ptr<const Adapter>& adapter = nullptr) {
  EngineOptions options;
  options.limits.batch_tokens_max = chunk;
  options.kv_format = Format::f32;
  Engine engine(model, backend, options, {});
  Outcome out;
  TokenRequest request;
  request.prompt = prompt;
  request.max_tokens = answer;
  request.sampling.temperature = 0;
  request.adapter = adapter;
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

inline LoadOptions with_mtp() {
  LoadOptions options;
  options.hints.mtp = true;
  return options;
}

// What the layer for multi-token prediction says at each position of `ids` but the last, `chunk` of
// them in a step.
inline Rows run_mtp(const Model& model, Backend& backend, const std::vector<int32_t>& ids,
                    int64_t chunk) {
  auto cache = make_cache(backend, model.kv_spec(Format::f32), 1);
  const Shape states = {chunk, model.info().hidden_size};
  auto memory = backend.cache_memory(states.elements() * 4);
  CHECK(cache.has_value() && memory.has_value());
  cache->keep_states(states, *std::move(memory));
  Rows logits;
  const auto last = static_cast<int64_t>(ids.size()) - 1;
  for (int64_t start = 0; start < last; start += chunk) {
    const int64_t rows = std::min(chunk, last - start);
    const auto from = ids.begin() + start;
    Batch batch;
    batch.sequences.push_back({0, rows, start, Role::prompt, {0}});
    batch.tokens.assign(from, from + rows);
    backend.begin_forward(batch, *cache);
    EXPECT_TRUE(backend.end_forward(model.forward(backend, batch, *cache)).has_value());
    batch.tokens.assign(from + 1, from + 1 + rows);
    for (int64_t r = 0; r < rows; ++r) batch.logits_rows.push_back(r);
    backend.begin_step();
    const auto out =
        backend.end_forward(model.forward_mtp(backend, batch, batch.logits_rows, *cache));
    CHECK(out.has_value());
    for (int64_t r = 0; r < rows; ++r) {
      const float* row = out->logits.f32_row(r);
      logits.emplace_back(row, row + out->logits.columns());
    }
  }
  return logits;
}

inline double largest(const Rows& rows) {
  double top = 0;
  for (const auto& row : rows) {
    for (float v : row) top = std::max(top, std::abs(static_cast<double>(v)));
  }
  return top;
}

// Largest difference as a share of the largest logit.
inline double difference(const Rows& found, size_t offset, const Rows& expected) {
  double worst = 0;
  EXPECT_GE(found.size(), offset + expected.size());
  if (found.size() < offset + expected.size()) return 1;
  for (size_t r = 0; r < expected.size(); ++r) {
    const auto& a = found[offset + r];
    const auto& b = expected[r];
    for (size_t i = 0; i < b.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    }
  }
  return worst / largest(expected);
}

// The same, and the most likely token must be the same.
inline double compare(const Rows& found, size_t offset, const Rows& expected) {
  for (size_t r = 0; r < expected.size() && offset + r < found.size(); ++r) {
    const auto& a = found[offset + r];
    const auto& b = expected[r];
    EXPECT_EQ(std::max_element(a.begin(), a.end()) - a.begin(),
              std::max_element(b.begin(), b.end()) - b.begin())
        << "top-1 of row " << r;
  }
  return difference(found, offset, expected);
}

struct Opened {
  Checkpoint checkpoint;
  LoadedModel loaded;
};

inline std::unique_ptr<Opened> open_model(const std::string& path, Backend& backend,
                                          const LoadOptions& options = {}) {
  auto checkpoint = Checkpoint::open(path);
  EXPECT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  if (!checkpoint) return nullptr;
  auto opened = std::unique_ptr<Opened>(new Opened{*std::move(checkpoint), {}});
  auto loaded = load_model(opened->checkpoint, backend, options);
  EXPECT_TRUE(loaded.has_value()) << loaded.status().message();
  if (!loaded) return nullptr;
  opened->loaded = *std::move(loaded);
  return opened;
}

}  // namespace hearth::golden
