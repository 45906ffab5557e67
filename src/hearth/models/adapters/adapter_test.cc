// What adapters are refused for: every setting and tensor that Hearth can't honour, every
// difference to the base, each in one line that names it.
#include "hearth/models/adapters/adapter.h"

#include <gtest/gtest.h>

#include <functional>

#include "hearth/backend/reference/reference_backend.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/models/adapters/testing.h"
#include "hearth/models/tiny/random_model.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth {
namespace {

struct Base {
  explicit Base(const char* architecture) {
    RandomModelOptions options;
    options.format = Format::f32;
    auto config = tiny_config(architecture);
    (*config)["num_hidden_layers"] = 2;
    loaded = *make_random_model(*config, backend, options);
  }
  std::string refusal(const std::string& path) {
    auto adapter = load_adapter(path, loaded, backend);
    return adapter ? "" : adapter.status().message();
  }
  std::string write(const std::vector<std::string>& targets) {
    return test::write_random_adapter(folder / "adapter", *loaded.model, {targets, 4, 0.5, 1});
  }

  ReferenceBackend backend;
  LoadedModel loaded;
  test::AdapterFolder folder;
};

void edit_config(const std::string& path, const std::function<void(Json&)>& edit) {
  auto config = read_json_file(path + "/adapter_config.json");
  ASSERT_TRUE(config.has_value());
  edit(*config);
  std::ofstream(path + "/adapter_config.json") << config->dump();
}

// One F32 tensor after another.
void write_tensors(const std::string& path,
                   const std::vector<std::pair<std::string, Shape>>& tensors, float value = 1) {
  std::vector<SafetensorsDeclaration> declared;
  std::vector<float> values;
  for (const auto& [name, shape] : tensors) {
    declared.push_back({name, "F32", {shape[0], shape[1]}});
    values.resize(values.size() + static_cast<size_t>(shape.elements()), value);
  }
  auto writer = SafetensorsWriter::create(path + "/adapter_model.safetensors", declared);
  ASSERT_TRUE(writer->write(std::as_bytes(std::span(values))).is_ok());
  ASSERT_TRUE(writer->finish().is_ok());
}

std::string half(const std::string& module, char which) {
  return fmt::format("base_model.model.{}.lora_{}.weight", module, which);
}

TEST(Adapter, SaysWhatItIs) {
  Base base("qwen2");
  const std::string path = base.write({"v_proj", "q_proj"});
  edit_config(path, [](Json& c) { c["base_model_name_or_path"] = "some/base"; });
  const auto adapter = load_adapter(path, base.loaded, base.backend);
  ASSERT_TRUE(adapter.has_value()) << adapter.status().message();
  const AdapterFacts& facts = (*adapter)->facts();
  EXPECT_EQ(facts.base, "some/base");
  EXPECT_EQ(facts.targets, (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_EQ(facts.rank, 4);
  int64_t parameters = 0;
  for (const TensorSpec& spec : test::targeted(*base.loaded.model, {"q_proj", "v_proj"})) {
    parameters += 4 * (spec.shape[0] + spec.shape[1]);
  }
  EXPECT_EQ(facts.parameters, parameters);
  EXPECT_EQ(facts.bytes, 4 * parameters);
  EXPECT_NE((*adapter)->id(), (*load_adapter(path, base.loaded, base.backend))->id());
}

TEST(Adapter, RefusesSettingsByName) {
  Base base("qwen2");
  struct Edit {
    const char* key;
    Json value;
    const char* found;
  };
  const std::vector<Edit> edits = {
      {"peft_type", "IA3", "expected `LORA`"},
      {"peft_type", nullptr, "`peft_type`"},
      {"use_dora", true, "expected false"},
      {"bias", "all", "expected `none`"},
      {"lora_bias", true, "expected false"},
      {"fan_in_fan_out", true, "expected false"},
      {"modules_to_save", {"lm_head"}, "expected nothing"},
      {"target_parameters", {"mlp.experts.gate_up_proj"}, "expected nothing"},
      {"layer_replication", Json::array({Json::array({0, 1})}), "expected nothing"},
      {"trainable_token_indices", {1, 2}, "expected nothing"},
      {"init_lora_weights", "pissa_niter_4", "leaves the base"},
      {"use_bdlora", {{"nblocks", 2}}, "expected false"},
      {"rank_pattern", {{".*q_proj", 4}}, "expected names of modules"},
      {"rank_pattern", {{"q_proj", 3}}, "expected the rank 3"},
      {"r", 5, "expected the rank 5"},
      {"r", 0, "`r`"},
      {"lora_alpha", "x", "`lora_alpha`"},
      {"alpha_pattern", 7, "`alpha_pattern`"},
      {"alpha_pattern", {{"q_proj", "x"}}, "`q_proj`"},
  };
  for (const Edit& edit : edits) {
    SCOPED_TRACE(edit.key);
    const std::string path = base.write({"q_proj"});
    edit_config(path, [&](Json& c) { c[edit.key] = edit.value; });
    const std::string message = base.refusal(path);
    EXPECT_NE(message.find(edit.found), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_TRUE(message.starts_with(path)) << message;
  }
}

TEST(Adapter, TakesSettingsThatOnlyTrainingReads) {
  Base base("qwen2");
  const std::string path = base.write({"q_proj"});
  edit_config(path, [](Json& c) {
    c["lora_dropout"] = 0.1;
    c["modules_to_save"] = nullptr;
    c["init_lora_weights"] = "gaussian";
    c["loftq_config"] = Json::object();
    c["use_dora"] = false;
    c["a_key_of_tomorrow"] = 7;
  });
  EXPECT_EQ(base.refusal(path), "");
}

TEST(Adapter, RefusesTensorsByName) {
  Base base("qwen2");
  const std::string q = "model.layers.0.self_attn.q_proj";
  const auto spec = test::targeted(*base.loaded.model, {"q_proj"}).front();
  const Shape a{4, spec.shape[1]}, b{spec.shape[0], 4};
  struct Case {
    std::vector<std::pair<std::string, Shape>> tensors;
    const char* found;
  };
  const std::vector<Case> cases = {
      {{{half(q, 'A'), a}}, "both halves"},
      {{{half(q, 'A'), a}, {half(q, 'B'), {spec.shape[0], 3}}}, "the rank of its other half"},
      {{{half(q, 'A'), {3, spec.shape[1]}}, {half(q, 'B'), {spec.shape[0], 3}}},
       "expected the rank 4"},
      {{{half(q, 'A'), {4, 5}}, {half(q, 'B'), b}}, "expected a delta of"},
      {{{half(q, 'A'), a}, {half(q, 'B'), {7, 4}}}, "expected a delta of"},
      {{{half("model.layers.9.self_attn.q_proj", 'A'), a},
        {half("model.layers.9.self_attn.q_proj", 'B'), b}},
       "no such weight in this qwen2 model, which has"},
      {{{half("model.embed_tokens", 'A'), a}, {half("model.embed_tokens", 'B'), b}},
       "expected the weight of a linear"},
      {{{"base_model.model." + q + ".lora_magnitude_vector.weight", {1, 4}}}, "DoRA"},
      {{{"base_model.model.model.embed_tokens.lora_embedding_A", {4, 4}}}, "embedding"},
      {{{"base_model.model." + q + ".lora_A.default.weight", a}}, "another tensor"},
      {{}, "found no tensor"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.found);
    const std::string path = base.write({"q_proj"});
    write_tensors(path, c.tensors);
    const std::string message = base.refusal(path);
    EXPECT_NE(message.find(c.found), std::string::npos) << message;
  }
  const std::string path = base.write({"q_proj"});
  write_tensors(path, {{half(q, 'A'), a}, {half(q, 'B'), b}}, INFINITY);
  EXPECT_NE(base.refusal(path).find("finite"), std::string::npos);
}

TEST(Adapter, OfMixturesNamesWhatItCannotChange) {
  Base base("deepseek_v3");
  for (const auto& [module, found] :
       {std::pair{"model.layers.1.mlp.experts.0.gate_proj", "routed experts"},
        {"model.layers.1.mlp.gate", "a router"},
        {"model.layers.0.self_attn.v_proj", "kv_b_proj"}}) {
    const std::string path = base.write({"o_proj"});
    write_tensors(path, {{half(module, 'A'), {4, 8}}, {half(module, 'B'), {8, 4}}});
    const std::string message = base.refusal(path);
    EXPECT_NE(message.find(found), std::string::npos) << message;
    EXPECT_NE(message.find(module), std::string::npos) << message;
  }
}

// A device that can't attend in parts says so at load, and takes everything else.
TEST(Adapter, NeedsABackendThatAttendsInParts) {
  class Whole : public ReferenceBackend {
   public:
    bool attends_in_parts() const override { return false; }
  };
  Base base("deepseek_v3");
  Whole whole;
  const auto refused = load_adapter(base.write({"kv_b_proj"}), base.loaded, whole);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.status().code(), Code::unsupported);
  EXPECT_NE(refused.status().message().find("kv_b_proj"), std::string::npos);
  EXPECT_TRUE(load_adapter(base.write({"o_proj"}), base.loaded, whole).has_value());
}

// What it takes is summed before anything is decoded: one byte too little is refused.
TEST(Adapter, ThatDoesNotFitIntoMemoryIsRefused) {
  Base base("deepseek_v3");
  const std::vector<std::string> targets = {"o_proj", "kv_b_proj"};
  const auto stored = StoredAdapter::open(base.write(targets));
  ASSERT_TRUE(stored.has_value());
  int64_t bytes = 0;
  for (const TensorSpec& spec : test::targeted(*base.loaded.model, targets)) {
    bytes += 4 * 4 * (spec.shape[0] + spec.shape[1]);
    if (spec.name.ends_with("kv_b_proj.weight")) bytes += 4 * 4 * spec.shape.elements();
  }
  const auto match = [&](int64_t bytes_max) {
    return match_adapter(*stored, *base.loaded.model, base.loaded.kind, bytes_max);
  };
  EXPECT_TRUE(match(bytes).has_value());
  const auto refused = match(bytes - 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.status().code(), Code::no_memory);
  EXPECT_NE(refused.status().message().find("the adapter needs"), std::string::npos);
}

TEST(Adapter, RefusesPathsThatAreNone) {
  Base base("qwen2");
  EXPECT_NE(base.refusal(base.folder / "none").find("no such path"), std::string::npos);
  EXPECT_NE(base.refusal(base.folder.path()).find("adapter_config.json"), std::string::npos);
  std::ofstream(base.folder / "adapter_model.bin") << "pickle";
  EXPECT_NE(base.refusal(base.folder.path()).find("pickle"), std::string::npos);
}

// A GGUF adapter of one delta with these metadata.
void write_gguf(const std::string& path, const std::function<void(GgufHeader&)>& fill,
                const std::string& weight, const Shape& shape) {
  GgufHeader header;
  fill(header);
  ASSERT_TRUE(header.declare(weight + ".lora_a", "F32", std::vector<int64_t>{2, shape[1]}).is_ok());
  ASSERT_TRUE(header.declare(weight + ".lora_b", "F32", std::vector<int64_t>{shape[0], 2}).is_ok());
  auto writer = GgufWriter::create(path, header);
  ASSERT_TRUE(writer.has_value());
  const std::vector<float> values(static_cast<size_t>(2 * (shape[0] + shape[1])), 1.0f);
  ASSERT_TRUE(writer->write(std::as_bytes(std::span(values))).is_ok());
  ASSERT_TRUE(writer->finish().is_ok());
}

TEST(Adapter, OfLlamaCppIsHeldAgainstTheBase) {
  Base base("qwen2");
  const Shape shape = test::targeted(*base.loaded.model, {"q_proj"}).front().shape;
  const auto keys = [](const char* type, const char* kind, const char* architecture, float alpha) {
    return [=](GgufHeader& h) {
      h.set_string("general.type", type);
      h.set_string("adapter.type", kind);
      h.set_string("general.architecture", architecture);
      h.set_f32("adapter.lora.alpha", alpha);
    };
  };
  const std::string path = base.folder / "a.gguf";
  const std::string q = "blk.0.attn_q.weight";
  write_gguf(path, keys("adapter", "lora", "qwen2", 4), q, shape);
  EXPECT_EQ(base.refusal(path), "");
  write_gguf(path, keys("model", "lora", "qwen2", 4), q, shape);
  EXPECT_NE(base.refusal(path).find("`general.type` = adapter"), std::string::npos);
  write_gguf(path, keys("adapter", "control_vector", "qwen2", 4), q, shape);
  EXPECT_NE(base.refusal(path).find("`adapter.type` = lora"), std::string::npos);
  write_gguf(path, keys("adapter", "lora", "llama", 4), q, shape);
  EXPECT_NE(base.refusal(path).find("expected qwen2"), std::string::npos);
  write_gguf(path, keys("adapter", "lora", "qwen2", NAN), q, shape);
  EXPECT_NE(base.refusal(path).find("`adapter.lora.alpha`"), std::string::npos);
  write_gguf(path, keys("adapter", "lora", "qwen2", 4), "token_embd.weight", shape);
  EXPECT_NE(base.refusal(path).find("expected the weight of a linear"), std::string::npos);
}

}  // namespace
}  // namespace hearth
