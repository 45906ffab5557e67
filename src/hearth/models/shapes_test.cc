// The named shapes are the published ones: parameter counts to the last one, and field by field
// against the published files where those are at hand.
#include "hearth/models/shapes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

struct Published {
  const char* name;
  int64_t parameters;
};
// As the model cards' safetensors count them; DeepSeek-V3 without its layer of multi-token
// prediction.
constexpr Published kPublished[] = {
    {"deepseek-r1-distill-qwen-1.5b", 1'777'088'000},
    {"deepseek-r1-distill-qwen-7b", 7'615'616'512},
    {"deepseek-r1-distill-qwen-14b", 14'770'033'664},
    {"deepseek-r1-distill-qwen-32b", 32'763'876'352},
    {"deepseek-r1-distill-llama-8b", 8'030'261'248},
    {"deepseek-r1-distill-llama-70b", 70'553'706'496},
    {"deepseek-r1-0528-qwen3-8b", 8'190'735'360},
    {"deepseek-v2-lite", 15'706'484'224},
    {"deepseek-v3", 671'026'419'200},
};

TEST(Shapes, CountTheParametersOfTheModelCards) {
  for (const Published& published : kPublished) {
    const auto config = shape_config(published.name);
    ASSERT_TRUE(config.has_value()) << config.status().message();
    const auto count = count_parameters(*config);
    ASSERT_TRUE(count.has_value()) << published.name << ": " << count.status().message();
    EXPECT_EQ(*count, published.parameters) << published.name;
  }
}

TEST(Shapes, EveryNameMakesAModel) {
  for (const std::string_view name : shape_names()) {
    const auto config = shape_config(name);
    ASSERT_TRUE(config.has_value()) << config.status().message();
    EXPECT_TRUE(count_parameters(*config).has_value()) << name;
  }
}

TEST(Shapes, CutsToTheFirstLayers) {
  const auto slice = shape_config("deepseek-v3", 4);
  ASSERT_TRUE(slice.has_value());
  EXPECT_EQ((*slice)["num_hidden_layers"], 4);
  EXPECT_LT(*count_parameters(*slice), 16'000'000'000);
  EXPECT_EQ(shape_config("deepseek-v3", 62).status().code(), Code::invalid);
  EXPECT_EQ(shape_config("deepseek-v3", -1).status().code(), Code::invalid);
  EXPECT_EQ(shape_config("gpt-5").status().code(), Code::unsupported);
}

// What a published file says of a field that we name too must be what we say.
void expect_agreement(const Json& ours, const Json& published,
                      std::initializer_list<std::string_view> differing) {
  for (const auto& [key, value] : ours.items()) {
    const bool differs = std::find(differing.begin(), differing.end(), key) != differing.end();
    if (differs || !published.contains(key)) continue;
    EXPECT_EQ(nlohmann::json(value), nlohmann::json(published[key])) << key;  // in any order
  }
}

TEST(Shapes, AgreeWithPublishedFiles) {
  const std::string folder = HEARTH_SHARED_DIR "/fixtures/configs/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no ../shared";
  const auto file = [&](const std::string& name) { return *read_json_file(folder + name); };
  const auto ours = [](std::string_view name) { return *shape_config(name); };
  expect_agreement(ours("deepseek-r1-distill-llama-8b"),
                   file("hf/meta-llama--Meta-Llama-3.1-8B_config.json"), {});
  expect_agreement(ours("deepseek-r1-distill-llama-70b"),
                   file("hf/meta-llama--Meta-Llama-3.1-70B_config.json"), {});
  // The distill of May 2025 stretches Qwen3-8B's context.
  expect_agreement(ours("deepseek-r1-0528-qwen3-8b"), file("hf/Qwen--Qwen3-8B_config.json"),
                   {"max_position_embeddings", "rope_scaling"});
  expect_agreement(
      ours("deepseek-v3"), file("hf/deepseek-ai--DeepSeek-V3.2_config.json"),
      {"architectures", "model_type", "num_nextn_predict_layers", "quantization_config"});
  expect_agreement(ours("ds3-mini"), file("draft/ds3-mini.json"), {});
}

}  // namespace
}  // namespace hearth
