// What the training tests share: networks of a few thousand weights of every architecture, token
// batches, and the compute they run on.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hearth/backend/reference/reference_backend.h"
#include "hearth/base/mapped_file.h"
#include "hearth/models/tiny/random_model.h"
#include "hearth/models/tiny/tiny.h"
#include "hearth/train/network.h"

namespace hearth::train::testing {

inline constexpr int64_t kVocabulary = 48;

// The config of hearth's tiny model, another ten times smaller. `q_lora` only of DeepSeek-V3.
inline Json small_config(const std::string& architecture, bool q_lora = true) {
  Json config = *tiny_config(architecture);
  config.update(Json{{"hidden_size", 32},
                     {"intermediate_size", 48},
                     {"vocab_size", kVocabulary},
                     {"num_hidden_layers", 2}});
  if (config.contains("head_dim")) config["head_dim"] = 16;
  if (!config.contains("kv_lora_rank")) return config;
  config.update(Json{{"kv_lora_rank", 24},
                     {"qk_nope_head_dim", 8},
                     {"qk_rope_head_dim", 4},
                     {"v_head_dim", 12},
                     {"moe_intermediate_size", 20},
                     {"n_routed_experts", 4},
                     {"num_experts_per_tok", 2}});
  if (architecture == "deepseek_v3") config.update(Json{{"n_group", 2}, {"topk_group", 1}});
  if (architecture == "deepseek_v3" && q_lora) {
    config["q_lora_rank"] = 20;
  } else {
    config["q_lora_rank"] = nullptr;
  }
  return config;
}

inline std::string bytes_of(const std::filesystem::path& path) {
  auto content = read_file(path.string(), 1 << 30);
  EXPECT_TRUE(content.has_value()) << content.status().message();
  return content ? *std::move(content) : "";
}

inline std::unique_ptr<Compute> make_compute(int threads = 2) {
  auto compute = Compute::create(threads, "");
  CHECK(compute.has_value());
  return *std::move(compute);
}

struct SmallModel {
  explicit SmallModel(const Json& config, Format format = Format::f32) {
    RandomModelOptions options;
    options.format = format;
    auto made = make_random_model(config, backend, options);
    CHECK(made.has_value());
    loaded = *std::move(made);
  }
  Model& model() { return *loaded.model; }

  ReferenceBackend backend{Activation::f32};
  LoadedModel loaded;
};

template <typename T>
std::unique_ptr<Network<T>> make_network(Model& model, const NetworkOptions& options) {
  auto network = Network<T>::build(model, options);
  CHECK(network.has_value());
  return *std::move(network);
}

// An adapter whose B is not zero, so that every gradient has something to pass through.
inline NetworkOptions adapter_options(Model& model, const std::vector<std::string>& names) {
  NetworkOptions options;
  options.adapter.emplace();
  auto targets = choose_targets(model, names);
  CHECK(targets.has_value());
  options.adapter->targets = *std::move(targets);
  options.adapter->rank = 4;
  options.adapter->alpha = 8;
  return options;
}

template <typename T>
void fill_adapters(Network<T>& network) {
  uint64_t index = 0;
  for (Parameter<T>* p : network.learned()) {
    if (p->name.find("lora_B") == std::string::npos) continue;
    for (T& v : p->value) {
      v = static_cast<T>(static_cast<double>(++index * 2654435761 % 1000) / 2500 - 0.2);
    }
  }
}

// Documents of these lengths; every token but the first few of each is supervised.
inline TokenBatch make_batch(const std::vector<int64_t>& lengths, uint32_t seed = 1) {
  TokenBatch batch;
  for (const int64_t length : lengths) {
    const auto begin = static_cast<int64_t>(batch.tokens.size());
    batch.documents.push_back({begin, length});
    for (int64_t i = 0; i < length; ++i) {
      seed = seed * 1664525 + 1013904223;
      batch.tokens.push_back(static_cast<int32_t>((seed >> 8) % kVocabulary));
    }
    for (int64_t i = 1; i + 1 < length; ++i) {
      batch.rows.push_back(begin + i);
      batch.targets.push_back(batch.tokens[static_cast<size_t>(begin + i + 1)]);
    }
  }
  return batch;
}

}  // namespace hearth::train::testing
