// Wrong config.json files, one field at a time: each gives one line that names the field. The real
// configurations of published models parse, or are refused by name. GGUF keys: gguf_config_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "hearth/models/deepseek/config.h"
#include "hearth/models/foreign/scheme.h"
#include "hearth/models/gguf_keys.h"
#include "hearth/models/load.h"
#include "hearth/models/testing.h"

namespace hearth {
namespace {

const std::string kGolden = HEARTH_SOURCE_DIR "/tests/golden/";

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

// Kimi-K2's config.json is DeepSeek-V3's under another name.
TEST(HfConfig, KimiK2IsDeepseekV3ByAnotherName) {
  Json config = golden_config("deepseek_v3");
  const auto tensors_of = [](const Json& json) {
    auto model = make_model(json);
    CHECK(model.has_value());
    std::vector<std::string> lines;
    (*model)->visit_tensors([&](const TensorSpec& spec, Weight&) {
      lines.push_back(spec.name + spec.shape.to_string() + spec.gguf_name);
    });
    return lines;
  };
  const std::vector<std::string> deepseek = tensors_of(config);
  config["model_type"] = "kimi_k2";
  EXPECT_EQ(tensors_of(config), deepseek);
  // The numbers that moonshotai published: one group of 384 experts, half as many heads.
  for (const auto& [key, value] :
       std::initializer_list<std::pair<const char*, int>>{{"n_routed_experts", 384},
                                                          {"num_experts_per_tok", 8},
                                                          {"n_group", 1},
                                                          {"topk_group", 1},
                                                          {"num_attention_heads", 64},
                                                          {"first_k_dense_replace", 1}}) {
    config[key] = value;
  }
  config["rope_scaling"] = {{"type", "yarn"},
                            {"factor", 32.0},
                            {"beta_fast", 1.0},
                            {"beta_slow", 1.0},
                            {"mscale", 1.0},
                            {"mscale_all_dim", 1.0},
                            {"original_max_position_embeddings", 4096}};
  const auto parsed = DeepseekConfig::from_hf(config);
  ASSERT_TRUE(parsed.has_value()) << parsed.status().message();
  EXPECT_EQ(parsed->model_type, "deepseek_v3");  // computed as that
  EXPECT_EQ(parsed->scoring_func, ExpertScoring::sigmoid);
  EXPECT_EQ(parsed->n_routed_experts, 384);
  ASSERT_TRUE(parsed->rope.yarn.has_value());
  EXPECT_EQ(parsed->rope.yarn->factor, 32);
}

// No router, no experts: every layer is dense.
TEST(HfConfig, WithoutExpertsAllLayersAreDense) {
  Json config = golden_config("deepseek_v3");
  config["n_routed_experts"] = 0;
  const auto model = make_model(config);
  ASSERT_TRUE(model.has_value()) << model.status().message();
  int64_t gates = 0;
  (*model)->visit_tensors([&](const TensorSpec& spec, Weight&) {
    EXPECT_EQ(spec.name.find("experts"), std::string::npos) << spec.name;
    gates += spec.name.ends_with(".mlp.gate_proj.weight");
  });
  EXPECT_EQ(gates, 3);
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

// What a message repeats of a config stays on its line.
TEST(HfConfig, TextsOfSeveralLinesAreRefusedInOne) {
  int refused = 0;
  const std::filesystem::path golden = kGolden;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(golden)) {
    if (entry.path().filename() != "config.json") continue;
    SCOPED_TRACE(entry.path());
    const auto config = read_json_file(entry.path());
    ASSERT_TRUE(config.has_value());
    const Json leaves = config->flatten();
    for (const auto& [place, value] : leaves.items()) {
      if (!value.is_string()) continue;
      SCOPED_TRACE(place);
      Json wrong = *config;
      wrong[Json::json_pointer(place)] = "a\nb\x07";
      std::vector<Status> said;
      if (const auto made = make_model(wrong); !made) said.push_back(made.status());
      if (const auto scheme = foreign_scheme(wrong); !scheme) said.push_back(scheme.status());
      GgufHeader header;
      said.push_back(write_gguf_keys(wrong, "any", 0, header));
      for (const Status& status : said) {
        if (status.is_ok()) continue;
        ++refused;
        EXPECT_EQ(std::ranges::count_if(status.message(), [](char c) { return std::iscntrl(c); }),
                  0)
            << status.message();
      }
    }
  }
  EXPECT_GT(refused, 20);
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
