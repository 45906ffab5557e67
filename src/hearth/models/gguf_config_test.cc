// Wrong GGUF metadata of a network, one key at a time: each gives one line that names the key.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <regex>
#include <set>
#include <tuple>
#include <variant>

#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/models/deepseek/config.h"
#include "hearth/models/dense/config.h"
#include "hearth/models/testing.h"

namespace hearth {
namespace {

using Value = std::variant<uint32_t, float, bool, std::string>;
using Keys = std::map<std::string, Value>;

// A file of metadata and an embedding [80, 32], in memory.
struct GgufFile {
  explicit GgufFile(const Keys& keys, int64_t tokens = 80) {
    GgufHeader header;
    for (const auto& [key, value] : keys) {
      if (const auto* u = std::get_if<uint32_t>(&value)) header.set_u32(key, *u);
      if (const auto* f = std::get_if<float>(&value)) header.set_f32(key, *f);
      if (const auto* b = std::get_if<bool>(&value)) header.set_bool(key, *b);
      if (const auto* s = std::get_if<std::string>(&value)) header.set_string(key, *s);
    }
    header.set_strings("tokenizer.ggml.tokens",
                       std::vector<std::string>(static_cast<size_t>(tokens), "t"));
    const int64_t shape[] = {80, 32};
    CHECK(header.declare("token_embd.weight", "F32", shape).is_ok());
    const std::string head = header.encode();
    memory = Buffer(static_cast<int64_t>(head.size()) + 80 * 32 * 4);
    std::memcpy(memory.data(), head.data(), head.size());
    auto parsed = Gguf::parse({memory.data(), static_cast<size_t>(memory.bytes())});
    CHECK(parsed.has_value());
    gguf = *std::move(parsed);
  }

  Buffer memory;
  Gguf gguf;
};

Keys deepseek_keys() {
  return {{"general.architecture", "deepseek2"},
          {"deepseek2.block_count", 3u},
          {"deepseek2.embedding_length", 32u},
          {"deepseek2.feed_forward_length", 56u},
          {"deepseek2.context_length", 256u},
          {"deepseek2.vocab_size", 80u},
          {"deepseek2.attention.head_count", 4u},
          {"deepseek2.attention.q_lora_rank", 20u},
          {"deepseek2.attention.kv_lora_rank", 24u},
          {"deepseek2.attention.key_length", 24u},
          {"deepseek2.attention.value_length", 12u},
          {"deepseek2.attention.layer_norm_rms_epsilon", 1e-6f},
          {"deepseek2.rope.dimension_count", 8u},
          {"deepseek2.rope.freq_base", 10000.0f},
          {"deepseek2.expert_count", 16u},
          {"deepseek2.expert_used_count", 4u},
          {"deepseek2.expert_shared_count", 1u},
          {"deepseek2.expert_feed_forward_length", 16u},
          {"deepseek2.expert_group_count", 4u},
          {"deepseek2.expert_group_used_count", 2u},
          {"deepseek2.expert_gating_func", 2u},
          {"deepseek2.expert_weights_scale", 2.5f},
          {"deepseek2.expert_weights_norm", true},
          {"deepseek2.leading_dense_block_count", 1u}};
}

Keys llama_keys() {
  return {{"general.architecture", "llama"},
          {"llama.block_count", 2u},
          {"llama.embedding_length", 32u},
          {"llama.feed_forward_length", 64u},
          {"llama.context_length", 256u},
          {"llama.vocab_size", 80u},
          {"llama.attention.head_count", 4u},
          {"llama.attention.head_count_kv", 2u},
          {"llama.attention.layer_norm_rms_epsilon", 1e-6f},
          {"llama.rope.dimension_count", 8u},
          {"llama.rope.freq_base", 10000.0f}};
}

struct WrongKey {
  const char* key;
  Value value;
  const char* named = nullptr;
};

void expect_keys_refused(const Keys& keys, const std::vector<WrongKey>& wrong_keys,
                         const std::function<Status(const Gguf&)>& read) {
  const GgufFile right(keys);
  const Status status = read(right.gguf);
  ASSERT_TRUE(status.is_ok()) << status.message();
  for (const WrongKey& wrong : wrong_keys) {
    SCOPED_TRACE(wrong.key);
    Keys changed = keys;
    changed[wrong.key] = wrong.value;
    const GgufFile file(changed);
    const Status refused = read(file.gguf);
    ASSERT_FALSE(refused.is_ok());
    expect_line(refused, wrong.named ? wrong.named : wrong.key);
  }
}

Status read_deepseek(const Gguf& gguf) {
  std::vector<std::string> notices;
  auto config = DeepseekConfig::from_gguf(gguf, notices);
  return config ? Status::ok() : std::move(config).status();
}

Status read_dense(const Gguf& gguf) {
  auto config = DenseConfig::from_gguf(gguf);
  return config ? Status::ok() : std::move(config).status();
}

TEST(GgufConfig, DeepseekNamesTheWrongKey) {
  const float nan = std::nanf("");
  expect_keys_refused(deepseek_keys(),
                      {{"deepseek2.block_count", 0u},
                       {"deepseek2.block_count", 513u},
                       {"deepseek2.block_count", 1u << 31},
                       {"deepseek2.block_count", "three"},
                       {"deepseek2.nextn_predict_layers", 3u, "deepseek2.block_count"},
                       {"deepseek2.embedding_length", 0u},
                       {"deepseek2.feed_forward_length", 0u},
                       {"deepseek2.context_length", 0u},
                       {"deepseek2.context_length", 1u << 31},
                       {"deepseek2.vocab_size", 81u},
                       {"deepseek2.attention.head_count", 0u},
                       {"deepseek2.attention.kv_lora_rank", 0u},
                       {"deepseek2.attention.key_length", 8u},
                       {"deepseek2.attention.key_length", 0u},
                       {"deepseek2.attention.key_length", 4105u},  // 4097 beside 8 rotated ones
                       {"deepseek2.attention.value_length", 0u},
                       {"deepseek2.attention.layer_norm_rms_epsilon", 0.0f},
                       {"deepseek2.attention.layer_norm_rms_epsilon", -1e-6f},
                       {"deepseek2.attention.layer_norm_rms_epsilon", nan},
                       {"deepseek2.attention.layer_norm_rms_epsilon", true},
                       {"deepseek2.rope.dimension_count", 7u, "qk_rope_head_dim"},
                       {"deepseek2.rope.dimension_count", 64u, "key_length"},
                       {"deepseek2.rope.freq_base", nan},
                       {"deepseek2.rope.scaling.type", "longrope"},
                       {"deepseek2.expert_used_count", 0u},
                       {"deepseek2.expert_used_count", 17u, "num_experts_per_tok"},
                       {"deepseek2.expert_count", 4097u},
                       {"deepseek2.expert_feed_forward_length", 0u},
                       {"deepseek2.expert_group_count", 0u},
                       {"deepseek2.expert_group_count", 3u, "n_group"},
                       {"deepseek2.expert_group_used_count", 5u, "topk_group"},
                       {"deepseek2.expert_gating_func", 3u},
                       {"deepseek2.expert_weights_scale", nan},
                       {"deepseek2.expert_weights_norm", 2.0f}},
                      read_deepseek);
}

TEST(GgufConfig, LlamaNamesTheWrongKey) {
  expect_keys_refused(llama_keys(),
                      {{"llama.block_count", 0u},
                       {"llama.block_count", 513u},
                       {"llama.embedding_length", 0u},
                       {"llama.context_length", 0u},
                       {"llama.vocab_size", 79u},
                       {"llama.attention.head_count", 0u},
                       {"llama.attention.head_count", 5u, "llama.rope.dimension_count"},
                       {"llama.attention.head_count_kv", 0u},
                       {"llama.attention.head_count_kv", 8u, "num_key_value_heads"},
                       {"llama.attention.key_length", 7u, "llama.rope.dimension_count"},
                       {"llama.attention.layer_norm_rms_epsilon", 0.0f},
                       {"llama.attention.layer_norm_rms_epsilon", std::nanf("")},
                       {"llama.rope.dimension_count", 7u},
                       {"llama.rope.dimension_count", 64u},
                       {"llama.rope.scaling.type", "su"}},
                      read_dense);
}

// All that the readers know, those that published files seldom have among them.
Keys all_deepseek_keys() {
  Keys keys = deepseek_keys();
  keys.insert({{"deepseek2.nextn_predict_layers", 1u},
               {"deepseek2.attention.key_length_mla", 24u},
               {"deepseek2.attention.value_length_mla", 12u},
               {"deepseek2.rope.scaling.type", "yarn"},
               {"deepseek2.rope.scaling.factor", 40.0f},
               {"deepseek2.rope.scaling.original_context_length", 64u},
               {"deepseek2.rope.scaling.yarn_beta_fast", 32.0f},
               {"deepseek2.rope.scaling.yarn_beta_slow", 1.0f},
               {"deepseek2.rope.scaling.yarn_log_multiplier", 0.1f}});
  // Beside the keys of one head these are not read.
  keys.erase("deepseek2.attention.key_length");
  keys.erase("deepseek2.attention.value_length");
  return keys;
}

Keys all_llama_keys() {
  Keys keys = llama_keys();
  keys.insert({{"llama.attention.key_length", 8u},
               {"llama.rope.scaling.type", "linear"},
               {"llama.rope.scaling.factor", 4.0f}});
  return keys;
}

// The names of keys that a reader's source asks for.
std::set<std::string> keys_in(const std::string& file) {
  std::ifstream in(std::string(HEARTH_SOURCE_DIR "/src/hearth/models/") + file);
  const std::string source{std::istreambuf_iterator<char>(in), {}};
  const std::regex call(
      R"re(\bf\.(?:size|size_or|number_or|boolean_or|string_or)\(\s*"([^"]+)")re");
  std::set<std::string> keys;
  for (std::sregex_iterator at(source.begin(), source.end(), call), end; at != end; ++at) {
    keys.insert((*at)[1]);
  }
  return keys;
}

TEST(GgufConfig, TheTestsKnowEveryKeyOfTheReaders) {
  const auto expect_known = [](const std::string& file, const std::string& arch,
                               std::initializer_list<Keys> fixtures) {
    const std::set<std::string> keys = keys_in(file);
    EXPECT_GE(keys.size(), 7u) << file;
    for (const std::string& key : keys) {
      const bool known = std::any_of(fixtures.begin(), fixtures.end(), [&](const Keys& fixture) {
        return fixture.contains(arch + "." + key);
      });
      EXPECT_TRUE(known) << file << ": " << key;
    }
  };
  expect_known("deepseek/config_gguf.cc", "deepseek2", {deepseek_keys(), all_deepseek_keys()});
  expect_known("dense/config.cc", "llama", {all_llama_keys()});
  expect_known("rope_config.cc", "deepseek2", {all_deepseek_keys()});
}

TEST(GgufConfig, EveryKeyOfAnotherTypeIsRefused) {
  using Reader = Status (*)(const Gguf&);
  const std::tuple<Keys, Reader> readers[] = {{deepseek_keys(), read_deepseek},
                                              {all_deepseek_keys(), read_deepseek},
                                              {llama_keys(), read_dense},
                                              {all_llama_keys(), read_dense}};
  for (const auto& [keys, read] : readers) {
    const GgufFile right(keys);
    ASSERT_TRUE(read(right.gguf).is_ok()) << read(right.gguf).message();
    for (const auto& [key, value] : keys) {
      // Chosen by before the reader of an architecture is called: load_test.cc.
      if (key == "general.architecture") continue;
      const bool is_text = std::holds_alternative<std::string>(value);
      for (const Value& other :
           {is_text ? Value(7u) : Value("text"), is_text ? Value(true) : Value(std::string())}) {
        SCOPED_TRACE(key);
        Keys changed = keys;
        changed[key] = other;
        const GgufFile file(changed);
        const Status refused = read(file.gguf);
        ASSERT_FALSE(refused.is_ok());
        expect_line(refused, key);
      }
    }
  }
}

TEST(GgufConfig, ScalingsOutOfRangeAreRefused) {
  const float inf = std::numeric_limits<float>::infinity();
  expect_keys_refused(all_deepseek_keys(),
                      {{"deepseek2.rope.scaling.factor", 0.5f},
                       {"deepseek2.rope.scaling.factor", inf},
                       {"deepseek2.rope.scaling.original_context_length", 0u},
                       {"deepseek2.rope.scaling.original_context_length", 1u << 31},
                       {"deepseek2.rope.scaling.yarn_beta_fast", 0.0f},
                       {"deepseek2.rope.scaling.yarn_beta_slow", -1.0f},
                       {"deepseek2.rope.scaling.yarn_log_multiplier", inf},
                       {"deepseek2.attention.key_length_mla", 8u},
                       {"deepseek2.attention.key_length_mla", 0u},
                       {"deepseek2.attention.value_length_mla", 0u},
                       {"deepseek2.nextn_predict_layers", 17u}},
                      read_deepseek);
}

TEST(GgufConfig, WithoutExpertsAllLayersAreDense) {
  Keys keys = deepseek_keys();
  keys["deepseek2.expert_count"] = 0u;
  const GgufFile file(keys);
  std::vector<std::string> notices;
  const auto config = DeepseekConfig::from_gguf(file.gguf, notices);
  ASSERT_TRUE(config.has_value()) << config.status().message();
  EXPECT_EQ(config->n_routed_experts, 0);
}

TEST(GgufConfig, MissingKeysAreNamed) {
  for (const auto& [keys, read] :
       {std::pair{deepseek_keys(), &read_deepseek}, std::pair{llama_keys(), &read_dense}}) {
    const std::string arch = std::get<std::string>(keys.at("general.architecture"));
    for (const char* key : {".block_count", ".embedding_length", ".context_length",
                            ".attention.head_count", ".feed_forward_length"}) {
      Keys without = keys;
      without.erase(arch + key);
      const GgufFile file(without);
      expect_line(read(file.gguf), arch + key);
    }
  }
}

TEST(GgufConfig, MoreTokensThanEmbeddingRowsAreRefused) {
  EXPECT_TRUE(read_dense(GgufFile(llama_keys(), 79).gguf).is_ok());
  const GgufFile file(llama_keys(), 81);
  expect_line(read_dense(file.gguf), "`tokenizer.ggml.tokens`: expected at most the 80 rows");
}

// Files of published shapes that lack the group keys get the groups of the model they are.
// Published models, by config.json on Hugging Face: files made before the keys existed lack these.
struct Published {
  const char* name;
  uint32_t gating, experts, layers, width;
  int64_t n_group, topk_group;
  const char* topk_method;
};
constexpr Published kPublished[] = {
    {"DeepSeek-V3/R1", 2, 256, 61, 7168, 8, 4, "noaux_tc"},
    {"Kimi-K2", 2, 384, 61, 7168, 1, 1, "noaux_tc"},
    {"DeepSeek-V2,", 1, 160, 60, 5120, 8, 3, "group_limited_greedy"},
    {"DeepSeek-V2-Lite,", 1, 64, 27, 2048, 1, 1, "greedy"},
};

Keys keys_of(const Published& model) {
  Keys keys = deepseek_keys();
  keys.erase("deepseek2.expert_group_count");
  keys.erase("deepseek2.expert_group_used_count");
  keys["deepseek2.expert_gating_func"] = model.gating;
  keys["deepseek2.expert_count"] = model.experts;
  keys["deepseek2.embedding_length"] = model.width;
  keys["deepseek2.block_count"] = model.layers;
  return keys;
}

TEST(GgufConfig, KnownShapesGetTheirGroups) {
  for (const Published& model : kPublished) {
    SCOPED_TRACE(model.name);
    const GgufFile file(keys_of(model));
    std::vector<std::string> notices;
    const auto config = DeepseekConfig::from_gguf(file.gguf, notices);
    ASSERT_TRUE(config.has_value()) << config.status().message();
    EXPECT_EQ(config->n_group, model.n_group);
    EXPECT_EQ(config->topk_group, model.topk_group);
    EXPECT_EQ(config->topk_method, model.topk_method);
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_NE(notices[0].find(model.name), std::string::npos) << notices[0];
  }
}

// What differs from a published model in one number is another model, and that is said.
TEST(GgufConfig, NearlyKnownShapesHaveNoGroups) {
  for (const Published& model : kPublished) {
    for (const char* key :
         {"deepseek2.expert_count", "deepseek2.embedding_length", "deepseek2.block_count"}) {
      SCOPED_TRACE(fmt::format("{} {}", model.name, key));
      Keys keys = keys_of(model);
      keys[key] = std::get<uint32_t>(keys[key]) + 8;
      const GgufFile file(keys);
      std::vector<std::string> notices;
      const auto config = DeepseekConfig::from_gguf(file.gguf, notices);
      ASSERT_TRUE(config.has_value()) << config.status().message();
      EXPECT_EQ(config->n_group, 1);
      EXPECT_EQ(config->topk_group, 1);
      ASSERT_EQ(notices.size(), 1u);
      EXPECT_NE(notices[0].find("without groups"), std::string::npos) << notices[0];
    }
  }
}

}  // namespace
}  // namespace hearth
