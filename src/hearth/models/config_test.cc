// Wrong configurations, one field at a time: each gives one line that names the field. The real
// configurations of published models parse, or are refused by name.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <variant>

#include "hearth/backend/reference/reference_backend.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/models/deepseek/config.h"
#include "hearth/models/dense/config.h"
#include "hearth/models/load.h"

namespace hearth {
namespace {

const std::string kGolden = HEARTH_SOURCE_DIR "/tests/golden/";

void expect_line(const Status& status, const std::string& part) {
  EXPECT_NE(status.message().find(part), std::string::npos)
      << "expected a message with " << part << ", found: " << status.message();
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
}

Json golden_config(const std::string& name) {
  auto config = read_json_file(kGolden + name + "/config.json");
  CHECK(config.has_value());
  return *std::move(config);
}

struct WrongField {
  const char* key;
  Json value;
  const char* named = nullptr;  // what the message names; nullptr: the key
};

void expect_refused(const Json& config, const std::vector<WrongField>& fields) {
  ASSERT_TRUE(make_model(config).has_value());
  for (const WrongField& field : fields) {
    SCOPED_TRACE(fmt::format("{} = {}", field.key, field.value.dump()));
    Json wrong = config;
    wrong[field.key] = field.value;
    const auto made = make_model(wrong);
    ASSERT_FALSE(made.has_value());
    expect_line(made.status(), field.named ? field.named : field.key);
  }
}

const Json kTooLarge = 9.3e18;

TEST(HfConfig, DeepseekNamesTheWrongField) {
  expect_refused(golden_config("deepseek_v3"),
                 {{"vocab_size", 0},
                  {"vocab_size", -1},
                  {"vocab_size", kTooLarge},
                  {"vocab_size", "80"},
                  {"hidden_size", 0},
                  {"hidden_size", 1.5},
                  {"intermediate_size", 0},
                  {"num_hidden_layers", 0},
                  {"num_hidden_layers", 513},
                  {"num_hidden_layers", 2147483648},
                  {"num_attention_heads", 0},
                  {"q_lora_rank", -1},
                  {"kv_lora_rank", 0},
                  {"kv_lora_rank", nullptr},
                  {"qk_nope_head_dim", 0},
                  {"qk_rope_head_dim", 7},
                  {"qk_rope_head_dim", 0},
                  {"v_head_dim", 0},
                  {"max_position_embeddings", 0},
                  {"max_position_embeddings", 2147483648},
                  {"rms_norm_eps", 0},
                  {"rms_norm_eps", -1e-6},
                  {"rms_norm_eps", "1e-6"},
                  {"n_routed_experts", -1},
                  {"n_routed_experts", 4097},
                  {"num_experts_per_tok", 0},
                  {"num_experts_per_tok", 17},
                  {"num_experts_per_tok", 9},  // 16 exist, but the 2 of 4 groups hold 8
                  {"n_group", 0},
                  {"n_group", 3},
                  {"topk_group", 0},
                  {"topk_group", 5},
                  {"moe_intermediate_size", 0},
                  {"first_k_dense_replace", -1},
                  {"moe_layer_freq", 0},
                  {"routed_scaling_factor", 0},
                  {"scoring_func", "tanh"},
                  {"topk_method", "best"},
                  {"norm_topk_prob", 1},
                  {"attention_bias", true},
                  {"rope_theta", 0},
                  {"rope_scaling", {{"type", "longrope"}}},
                  {"rope_scaling", {{"type", "yarn"}}, "factor"},
                  {"rope_scaling", {{"type", "yarn"}, {"factor", 0.5}}, "factor"},
                  {"rope_scaling", "yarn"},
                  {"model_type", "gpt2", "gpt2"},
                  {"model_type", nullptr},
                  {"model_type", "deepseek_v32", "deepseek_v32"}});
}

TEST(HfConfig, DenseNamesTheWrongField) {
  for (const char* name : {"llama", "qwen2", "qwen3"}) {
    SCOPED_TRACE(name);
    expect_refused(golden_config(name), {{"vocab_size", 0},
                                         {"hidden_size", 0},
                                         {"intermediate_size", -3},
                                         {"num_hidden_layers", 0},
                                         {"num_hidden_layers", 513},
                                         {"num_attention_heads", 0},
                                         {"num_key_value_heads", 0},
                                         {"num_key_value_heads", 3},
                                         {"num_key_value_heads", 4000},
                                         {"head_dim", 7},
                                         {"head_dim", 0},
                                         {"rms_norm_eps", 0},
                                         {"max_position_embeddings", 0},
                                         {"use_sliding_window", true}});
  }
  expect_refused(
      golden_config("llama"),
      {{"rope_scaling", {{"rope_type", "dynamic"}, {"factor", 2}}},
       {"rope_scaling", {{"rope_type", "linear"}, {"factor", 0}}, "factor"},
       {"rope_scaling",
        {{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 4}, {"high_freq_factor", 4}},
        "high_freq_factor"}});
}

// A few bytes of config must not make gigabytes of tables.
TEST(HfConfig, ExpertsOfAllLayersAreBounded) {
  Json config = golden_config("deepseek_v3");
  config["num_hidden_layers"] = 512;
  config["n_routed_experts"] = 4096;
  config["n_group"] = config["topk_group"] = 1;
  const auto made = make_model(config);
  ASSERT_FALSE(made.has_value());
  expect_line(made.status(), "`n_routed_experts`: expected at most 65536 in all 512 layers");
}

// A checkpoint directory with a changed config, beside the golden weights.
class Directory : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = testing::TempDir() + "hearth_config_" + info->name();
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  Status load(const std::string& golden, const Json& config) {
    std::ofstream(path_ + "/config.json") << config.dump();
    const std::string weights = path_ + "/model.safetensors";
    if (!std::filesystem::exists(weights)) {
      std::filesystem::copy_file(kGolden + golden + "/model.safetensors", weights);
    }
    auto checkpoint = Checkpoint::open(path_);
    if (!checkpoint) return std::move(checkpoint).status();
    ReferenceBackend backend;
    auto loaded = load_model(*checkpoint, backend, {});
    return loaded ? Status::ok() : std::move(loaded).status();
  }

  std::string path_;
};

TEST_F(Directory, ConfigAndTensorsMustAgree) {
  struct Case {
    const char* golden;
    const char* key;
    int64_t value;
    const char* tensor;
  };
  const Case cases[] = {
      {"deepseek_v3", "vocab_size", 81, "`model.embed_tokens.weight`: expected [81, 32]"},
      {"deepseek_v3", "hidden_size", 40, "`model.embed_tokens.weight`: expected [80, 40]"},
      {"deepseek_v3", "kv_lora_rank", 16, "kv_a_proj_with_mqa.weight`: expected [24, 32]"},
      {"deepseek_v3", "q_lora_rank", 8, "q_a_proj.weight`: expected [8, 32]"},
      {"deepseek_v3", "qk_rope_head_dim", 4, "`model.layers.0.self_attn."},
      {"deepseek_v3", "v_head_dim", 16, "kv_b_proj.weight`: expected [128, 24]"},
      {"deepseek_v3", "n_routed_experts", 32, "mlp.gate.weight`: expected [32, 32]"},
      {"deepseek_v3", "n_shared_experts", 2, "shared_experts.gate_proj.weight`: expected [32, 32]"},
      {"deepseek_v3", "moe_intermediate_size", 8, "experts.0.gate_proj.weight`: expected [8, 32]"},
      {"deepseek_v3", "first_k_dense_replace", 0, "`model.layers.0.mlp.gate.weight`: expected"},
      {"deepseek_v3", "num_hidden_layers", 4, "`model.layers.3."},
      {"llama", "intermediate_size", 4, "mlp.gate_proj.weight`: expected [4, "},
      {"llama", "num_hidden_layers", 40, "found no such tensor"},
      {"qwen3", "head_dim", 2, "q_proj.weight`: expected"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(fmt::format("{} {} = {}", c.golden, c.key, c.value));
    std::filesystem::remove(path_ + "/model.safetensors");
    Json config = golden_config(c.golden);
    ASSERT_TRUE(load(c.golden, config).is_ok());
    config[c.key] = c.value;
    const Status status = load(c.golden, config);
    ASSERT_FALSE(status.is_ok());
    expect_line(status, c.tensor);
  }
}

// NaN, infinity, minus infinity.
TEST_F(Directory, ANormThatIsNotFiniteIsRefused) {
  ASSERT_TRUE(load("llama", golden_config("llama")).is_ok());
  const std::string weights = path_ + "/model.safetensors";
  int64_t from_end = 0;
  {
    auto file = Safetensors::open(weights);
    ASSERT_TRUE(file.has_value());
    // Tensors lie one behind the other: what follows this one is what lies behind it.
    const TensorEntry* norm = file->find("model.norm.weight");
    ASSERT_TRUE(norm);
    from_end = norm->bytes;
    for (const TensorEntry& other : file->tensors()) {
      if (other.tensor.data > norm->tensor.data) from_end += other.bytes;
    }
  }
  for (const uint32_t bits : {0xFFFFFFFFu, 0x7F800000u, 0xFF800000u}) {
    std::fstream file(weights, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-from_end, std::ios::end);
    file.write(reinterpret_cast<const char*>(&bits), 4);
    file.close();
    expect_line(load("llama", golden_config("llama")),
                "`model.norm.weight`: expected finite numbers");
  }
}

// GGUF --------------------------------------------------------------------------------------------

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

TEST(GgufConfig, EveryKeyOfAnotherTypeIsRefused) {
  for (const auto& [keys, read] :
       {std::pair{deepseek_keys(), &read_deepseek}, std::pair{llama_keys(), &read_dense}}) {
    for (const auto& [key, value] : keys) {
      if (key == "general.architecture") continue;  // chooses the reader, before it is called
      SCOPED_TRACE(key);
      Keys changed = keys;
      changed[key] = "text";
      const GgufFile file(changed);
      const Status refused = read(file.gguf);
      ASSERT_FALSE(refused.is_ok());
      expect_line(refused, key);
    }
  }
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
TEST(GgufConfig, KnownShapesGetTheirGroups) {
  Keys keys = deepseek_keys();
  keys.erase("deepseek2.expert_group_count");
  keys.erase("deepseek2.expert_group_used_count");
  keys["deepseek2.expert_count"] = 256u;
  keys["deepseek2.embedding_length"] = 7168u;
  keys["deepseek2.block_count"] = 61u;
  const GgufFile file(keys);
  std::vector<std::string> notices;
  const auto config = DeepseekConfig::from_gguf(file.gguf, notices);
  ASSERT_TRUE(config.has_value()) << config.status().message();
  EXPECT_EQ(config->n_group, 8);
  EXPECT_EQ(config->topk_group, 4);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_NE(notices[0].find("DeepSeek-V3/R1"), std::string::npos);
}

// Published configurations ------------------------------------------------------------------------

TEST(RealConfigs, ParseOrAreRefusedByName) {
  const std::string directory = std::string(HEARTH_SHARED_DIR) + "/fixtures/configs/hf";
  if (!std::filesystem::exists(directory)) {
    GTEST_SKIP() << "no public fixtures at " << directory;
  }
  const std::vector<std::string> known = known_architectures();
  std::set<std::string> parsed;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    SCOPED_TRACE(entry.path().filename());
    const auto config = read_json_file(entry.path());
    ASSERT_TRUE(config.has_value()) << config.status().message();
    const auto made = make_model(*config);
    const auto type = json_string(*config, "model_type");
    if (!type) {  // hf_quant_config.json
      ASSERT_FALSE(made.has_value());
      expect_line(made.status(), "`model_type`");
    } else if (std::find(known.begin(), known.end(), *type) == known.end()) {
      ASSERT_FALSE(made.has_value());
      EXPECT_EQ(made.status().code(), Code::unsupported);
      expect_line(made.status(), fmt::format("found `{}`", *type));
    } else {
      ASSERT_TRUE(made.has_value()) << made.status().message();
      EXPECT_EQ((*made)->info().vocab_size, *json_int(*config, "vocab_size", 1, 1 << 24));
      parsed.insert(*type);
    }
  }
  for (const char* type : {"llama", "qwen3", "kimi_k2"}) EXPECT_TRUE(parsed.contains(type)) << type;
}

}  // namespace
}  // namespace hearth
