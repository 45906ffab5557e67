// Checkpoints whose config and tensors disagree, or that hold what a network can't run with: each
// is one line that names the tensor. What a network does not ask for is left alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "hearth/backend/reference/reference_backend.h"
#include "hearth/files/gguf/gguf.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/files/safetensors/safetensors.h"
#include "hearth/models/load.h"
#include "hearth/models/testing.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth {
namespace {

const std::string kGolden = HEARTH_SOURCE_DIR "/tests/golden/";

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

  Json golden_config(const std::string& name) {
    auto config = read_json_file(kGolden + name + "/config.json");
    CHECK(config.has_value());
    return *std::move(config);
  }

  Status load(const std::string& golden, const Json& config) {
    std::ofstream(path_ + "/config.json") << config.dump();
    const std::string weights = path_ + "/model.safetensors";
    if (!std::filesystem::exists(weights)) {
      std::filesystem::copy_file(kGolden + golden + "/model.safetensors", weights);
    }
    return load_path(path_);
  }

  Status load_path(const std::string& path) {
    auto checkpoint = Checkpoint::open(path);
    if (!checkpoint) return std::move(checkpoint).status();
    ReferenceBackend backend;
    auto loaded = load_model(*checkpoint, backend, {});
    if (!loaded) return std::move(loaded).status();
    notices_ = loaded->notices;
    return Status::ok();
  }

  std::string path_;
  std::vector<std::string> notices_;  // of the last load that succeeded
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
      {"deepseek_v3", "n_routed_experts", 0, "`model.layers.1.mlp.gate_proj.weight`: expected"},
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

// Overwrites the first bytes of a tensor, where it lies in the file; all of them with `fill`.
void overwrite(const std::string& file, const std::string& tensor, std::string bytes,
               bool fill = false) {
  int64_t from_end = 0;
  {
    auto opened = Safetensors::open(file);
    CHECK(opened.has_value());
    // Tensors lie one behind the other: what follows this one is what lies behind it.
    const TensorEntry* found = opened->find(tensor);
    CHECK(found != nullptr);
    from_end = found->bytes;
    if (fill) bytes.assign(static_cast<size_t>(found->bytes), bytes[0]);
    for (const TensorEntry& other : opened->tensors()) {
      if (other.tensor.data > found->tensor.data) from_end += other.bytes;
    }
  }
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(-from_end, std::ios::end);
  out << bytes;
}

void put_float(const std::string& file, const std::string& tensor, uint32_t bits) {
  overwrite(file, tensor, std::string(reinterpret_cast<const char*>(&bits), 4));
}

// NaN, infinity, minus infinity.
constexpr uint32_t kNotFinite[] = {0xFFFFFFFFu, 0x7F800000u, 0xFF800000u};

TEST_F(Directory, ANormThatIsNotFiniteIsRefused) {
  ASSERT_TRUE(load("llama", golden_config("llama")).is_ok());
  for (const uint32_t bits : kNotFinite) {
    put_float(path_ + "/model.safetensors", "model.norm.weight", bits);
    expect_line(load("llama", golden_config("llama")),
                "`model.norm.weight`: expected finite numbers");
  }
}

TEST_F(Directory, ATilesScaleThatIsNotFiniteIsRefused) {
  const Json config = golden_config("deepseek_v3_fp8");
  ASSERT_TRUE(load("deepseek_v3_fp8", config).is_ok());
  for (const uint32_t bits : kNotFinite) {
    put_float(path_ + "/model.safetensors", "model.layers.0.mlp.up_proj.weight_scale_inv", bits);
    expect_line(load("deepseek_v3_fp8", config),
                "`model.layers.0.mlp.up_proj.weight`: expected finite scales");
  }
}

// Those of other tools: all ones are NaN in F32, F16 and BF16.
TEST_F(Directory, ScalesOfOtherToolsThatAreNotFiniteAreRefused) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden + "foreign")) {
    const std::string name = "foreign/" + entry.path().filename().string();
    SCOPED_TRACE(name);
    std::filesystem::remove(path_ + "/model.safetensors");
    const Json config = golden_config(name);
    const Status right = load(name, config);
    ASSERT_TRUE(right.is_ok()) << right.message();
    const std::string module = "model.layers.0.mlp.down_proj.";
    std::string scale;
    {
      auto file = Safetensors::open(path_ + "/model.safetensors");
      ASSERT_TRUE(file.has_value());
      for (const char* part :
           {"scales", "weight_scale", "SCB", "weight.nested_absmax", "weight.absmax"}) {
        if (scale.empty() && file->find(module + part)) scale = module + part;
      }
    }
    ASSERT_FALSE(scale.empty());
    overwrite(path_ + "/model.safetensors", scale, "\xFF", true);
    const Status wrong = load(name, config);
    ASSERT_FALSE(wrong.is_ok());
    expect_line(wrong, "mlp.down_proj");
    expect_line(wrong, "finite");
    ++cases;
  }
  EXPECT_GE(cases, 16);
}

// A file may hold more than the network asks for: rotary tables, a vision tower, somebody's notes.
TEST_F(Directory, TensorsBesideTheNetworkAreLeftAlone) {
  ASSERT_TRUE(load("llama", golden_config("llama")).is_ok());
  const std::string weights = path_ + "/model.safetensors";
  std::ifstream in(weights, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  uint64_t header = 0;
  std::memcpy(&header, whole.data(), 8);
  Json names = *parse_json(whole.substr(8, header));
  const std::string data = whole.substr(8 + header);
  names["model.layers.0.self_attn.rotary_emb.inv_freq"] = {
      {"dtype", "F32"}, {"shape", {2}}, {"data_offsets", {data.size(), data.size() + 8}}};
  names["model.layers.99.mlp.up_proj.weight"] = {
      // of a layer that the config does not have
      {"dtype", "I64"},
      {"shape", {1, 1}},
      {"data_offsets", {data.size() + 8, data.size() + 16}}};
  const std::string text = names.dump();
  const uint64_t length = text.size();
  std::ofstream(weights, std::ios::binary) << std::string(reinterpret_cast<const char*>(&length), 8)
                                           << text << data << std::string(16, '\xFF');
  const Status status = load("llama", golden_config("llama"));
  EXPECT_TRUE(status.is_ok()) << status.message();
}

TEST_F(Directory, CodeInACheckpointIsNamedAndNotRun) {
  Json config = golden_config("llama");
  ASSERT_TRUE(load("llama", config).is_ok());
  EXPECT_TRUE(notices_.empty());
  config["auto_map"] = {{"AutoModelForCausalLM", "modeling_evil.EvilForCausalLM"}};
  ASSERT_TRUE(load("llama", config).is_ok());
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_NE(notices_[0].find("`auto_map`"), std::string::npos) << notices_[0];
  EXPECT_NE(notices_[0].find("never run"), std::string::npos) << notices_[0];
}

// A width of 37 fits no block: such a matrix stays as it is, and the user is told so.
TEST_F(Directory, MatricesThatFitNoBlockKeepTheirFormat) {
  auto checkpoint = Checkpoint::open(kGolden + "deepseek_v3_odd");
  ASSERT_TRUE(checkpoint.has_value());
  ReferenceBackend backend;
  LoadOptions options;
  options.dtype = Format::q8_0;
  const auto loaded = load_model(*checkpoint, backend, options);
  ASSERT_TRUE(loaded.has_value()) << loaded.status().message();
  ASSERT_EQ(loaded->notices.size(), 1u);
  EXPECT_NE(loaded->notices[0].find("not a multiple of the 32 elements of a q8_0 block"),
            std::string::npos)
      << loaded->notices[0];
  int kept = 0;
  loaded->model->visit_weights([&](const TensorSpec& spec, const Weight& weight) {
    if (!is_matrix(spec.kind)) return;
    const bool fits = weight.tensor.columns() % 32 == 0;
    EXPECT_EQ(weight.tensor.format == Format::q8_0, fits) << spec.name;
    kept += fits ? 0 : 1;
  });
  // Routers are never converted, so that nothing is said of them.
  EXPECT_GT(std::stoi(loaded->notices[0]), 0);
  EXPECT_LT(std::stoi(loaded->notices[0]), kept);
}

// GGUF files --------------------------------------------------------------------------------------

TEST_F(Directory, AGgufOfNoArchitectureIsRefused) {
  const std::string file = path_ + "/model.gguf";
  const auto write = [&](const std::function<void(GgufHeader&)>& make) {
    GgufHeader header;
    make(header);
    const int64_t shape[] = {32};
    CHECK(header.declare("output_norm.weight", "F32", shape).is_ok());
    std::ofstream(file, std::ios::binary) << header.encode() << std::string(128, '\0');
    return load_path(file);
  };
  expect_line(write([](GgufHeader& h) { h.set_u32("general.architecture", 7); }),
              "general.architecture");
  expect_line(write([](GgufHeader& h) { h.set_string("general.architecture", "mamba"); }),
              "found `mamba`");
  expect_line(write([](GgufHeader&) {}), "general.architecture");
}

TEST_F(Directory, TensorsBesideTheNetworkOfAGgufAreLeftAlone) {
  TinyOptions tiny;
  tiny.architecture = "qwen2";
  ASSERT_TRUE(write_tiny(path_ + "/right.gguf", tiny).has_value());
  const auto right = Gguf::open(path_ + "/right.gguf");
  ASSERT_TRUE(right.has_value());
  GgufHeader header;
  for (const GgufValue& value : right->metadata()) header.copy(value);
  const int64_t extra[] = {8};
  ASSERT_TRUE(header.declare("blk.99.somebody.weight", "F32", extra).is_ok());
  for (const TensorEntry& entry : right->tensors()) {
    std::vector<int64_t> shape;
    for (int i = 0; i < entry.tensor.shape.rank(); ++i) shape.push_back(entry.tensor.shape[i]);
    ASSERT_TRUE(header.declare(entry.name, entry.dtype, shape).is_ok());
  }
  auto writer = GgufWriter::create(path_ + "/more.gguf", header);
  ASSERT_TRUE(writer.has_value());
  const std::vector<std::byte> noise(32, std::byte{0xFF});  // NaN, if somebody looked
  ASSERT_TRUE(writer->write(noise).is_ok());
  for (const TensorEntry& entry : right->tensors()) {
    ASSERT_TRUE(writer->write({entry.tensor.data, static_cast<size_t>(entry.bytes)}).is_ok());
  }
  ASSERT_TRUE(writer->finish().is_ok());
  const Status status = load_path(path_ + "/more.gguf");
  EXPECT_TRUE(status.is_ok()) << status.message();
}

// A tensor as a case declares it in place of a file's own: nothing, or under any name and shape.
struct Declared {
  std::string name;
  std::vector<int64_t> shape;
};
using Change = std::function<std::vector<Declared>(const Declared&)>;

// `to`: the keys of the GGUF file at `from` and its tensors as `change` declares them, all zeros.
void declare_otherwise(const std::string& from, const std::string& to, const Change& change) {
  const auto right = Gguf::open(from);
  ASSERT_TRUE(right.has_value()) << right.status().message();
  GgufHeader header;
  for (const GgufValue& value : right->metadata()) header.copy(value);
  for (const TensorEntry& entry : right->tensors()) {
    Declared own{entry.name, {}};
    for (int i = 0; i < entry.tensor.shape.rank(); ++i) own.shape.push_back(entry.tensor.shape[i]);
    for (const Declared& tensor : change(own)) {
      ASSERT_TRUE(header.declare(tensor.name, "F32", tensor.shape).is_ok());
    }
  }
  auto writer = GgufWriter::create(to, header);
  ASSERT_TRUE(writer.has_value());
  for (const int64_t bytes : header.tensor_bytes()) {
    ASSERT_TRUE(writer->write(std::vector<std::byte>(static_cast<size_t>(bytes))).is_ok());
  }
  ASSERT_TRUE(writer->finish().is_ok());
}

// A small DeepSeek-V3 as GGUF, of tests/golden/deepseek_v3's config with a vocabulary of bytes:
// 4 heads of 16 + 12, latent 24.
class DeepseekGguf : public Directory {
 protected:
  void SetUp() override {
    Directory::SetUp();
    TinyOptions tiny;
    tiny.config = golden_config("deepseek_v3");
    (*tiny.config)["vocab_size"] = 512;
    tiny.format = Format::f32;
    right_ = path_ + "/right.gguf";
    const auto written = write_tiny(right_, tiny);
    ASSERT_TRUE(written.has_value()) << written.status().message();
  }

  Status load_changed(const Change& change) {
    const std::string wrong = path_ + "/changed.gguf";
    std::filesystem::remove(wrong);
    declare_otherwise(right_, wrong, change);
    return load_path(wrong);
  }

  Status load_with(const std::string& tensor, const std::vector<int64_t>& shape) {
    return load_changed([&](const Declared& own) {
      return std::vector{own.name == tensor ? Declared{tensor, shape} : own};
    });
  }

  Status load_without(const std::vector<std::string>& tensors) {
    return load_changed([&](const Declared& own) {
      const bool gone = std::ranges::find(tensors, own.name) != tensors.end();
      return gone ? std::vector<Declared>() : std::vector{own};
    });
  }

  std::string right_;
};

TEST_F(DeepseekGguf, ShapesMustBeThoseOfItsKeys) {
  const Status same = load_without({});
  ASSERT_TRUE(same.is_ok()) << same.message();
  struct Case {
    const char* tensor;
    std::vector<int64_t> wrong;
    const char* expected;
  };
  const Case cases[] = {
      {"blk.1.ffn_gate_inp.weight", {16, 33}, "expected [16, 32], found F32 [16, 33]"},
      {"blk.1.ffn_gate_inp.weight", {15, 32}, "expected [16, 32], found F32 [15, 32]"},
      {"blk.1.ffn_gate_inp.weight", {512}, "expected [16, 32], found F32 [512]"},
      {"blk.1.exp_probs_b.bias", {15}, "expected [16], found F32 [15]"},
      {"blk.1.ffn_gate_exps.weight", {15, 16, 32}, "expected [experts > 15, 16, 32]"},
      {"blk.1.ffn_up_exps.weight", {16, 15, 32}, "expected [experts > 0, 16, 32]"},
      {"blk.1.ffn_down_exps.weight", {16, 32, 17}, "expected [experts > 0, 32, 16]"},
      {"blk.1.ffn_gate_exps.weight", {256, 32}, "expected [experts > 0, 16, 32], found [256, 32]"},
      {"blk.0.attn_k_b.weight", {4, 16, 24}, "expected [4, 24, 16], found F32 [4, 16, 24]"},
      {"blk.0.attn_k_b.weight", {4, 32, 16}, "expected [4, 24, 16], found F32 [4, 32, 16]"},
      {"blk.0.attn_k_b.weight", {96, 16}, "expected [4, 24, 16], found F32 [96, 16]"},
      {"blk.0.attn_v_b.weight", {4, 12, 32}, "expected [4, 12, 24], found F32 [4, 12, 32]"},
      {"blk.0.attn_v_b.weight", {2, 12, 24}, "expected [4, 12, 24], found F32 [2, 12, 24]"},
      {"blk.0.attn_kv_a_mqa.weight", {40, 32}, "expected [32, 32], found F32 [40, 32]"},
      {"token_embd.weight", {512, 40}, "expected [512, 32], found F32 [512, 40]"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(fmt::format("{} {}", c.tensor, c.expected));
    const Status status = load_with(c.tensor, c.wrong);
    ASSERT_FALSE(status.is_ok());
    expect_line(status, fmt::format("`{}`: {}", c.tensor, c.expected));
  }
}

TEST_F(DeepseekGguf, MoreExpertsThanItsKeysSayAreLeftAlone) {
  const Status status = load_with("blk.1.ffn_gate_exps.weight", {17, 16, 32});
  EXPECT_TRUE(status.is_ok()) << status.message();
}

TEST_F(DeepseekGguf, AMissingTensorIsNamed) {
  for (const char* tensor :
       {"token_embd.weight", "output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_up.weight",
        "blk.1.ffn_gate_inp.weight", "blk.1.exp_probs_b.bias", "blk.1.ffn_down_exps.weight",
        "blk.2.attn_q_b.weight", "blk.2.ffn_up_shexp.weight"}) {
    SCOPED_TRACE(tensor);
    expect_line(load_without({tensor}), tensor);
  }
  // Each of the two alone is no latent.
  for (const char* tensor : {"blk.1.attn_k_b.weight", "blk.1.attn_v_b.weight"}) {
    SCOPED_TRACE(tensor);
    expect_line(load_without({tensor}), "layer 1: expected `kv_b_proj`");
  }
}

// As files were until April 2025: one matrix in place of the two.
TEST_F(DeepseekGguf, ALatentInOnePieceMustBeWhole) {
  const auto load_kv_b = [&](const std::vector<int64_t>& shape) {
    return load_changed([&](const Declared& own) {
      if (own.name.find("attn_k_b") != own.name.npos) return std::vector<Declared>();
      const size_t place = own.name.find("attn_v_b");
      if (place == own.name.npos) return std::vector{own};
      return std::vector{Declared{own.name.substr(0, place) + "attn_kv_b.weight", shape}};
    });
  };
  const Status right = load_kv_b({112, 24});
  EXPECT_TRUE(right.is_ok()) << right.message();
  for (const std::vector<int64_t>& wrong :
       {std::vector<int64_t>{112, 32}, {111, 24}, {4, 28, 24}, {2688}}) {
    expect_line(load_kv_b(wrong), "`blk.0.attn_kv_b.weight`: expected [112, 24], found F32 ");
  }
}

}  // namespace
}  // namespace hearth
