// Directories and files as users have them, whole and broken: one clear line for each defect.
#include "hearth/files/checkpoint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hearth/files/gguf/raw_gguf.h"
#include "hearth/files/safetensors/safetensors_writer.h"
#include "hearth/files/shard_index.h"

namespace hearth {
namespace {

using Declarations = std::vector<SafetensorsDeclaration>;

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "checkpoint";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    write("config.json", "{\"model_type\":\"qwen2\"}");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
  }
  void shard(const std::string& name, const Declarations& tensors) const {
    int64_t bytes = 0;
    const auto header = encode_safetensors_header(tensors, {}, &bytes);
    ASSERT_TRUE(header.has_value()) << header.status().message();
    write(name, *header + std::string(static_cast<size_t>(bytes), '\0'));
  }
  void index(const std::string& weight_map) const {
    write("model.safetensors.index.json", "{\"metadata\":{},\"weight_map\":" + weight_map + "}");
  }
  void expect(Code code, const std::string& word) const { expect_at(folder_, code, word); }
  void expect_at(const std::string& where, Code code, const std::string& word) const {
    const auto checkpoint = Checkpoint::open(where);
    ASSERT_FALSE(checkpoint.has_value()) << word;
    const std::string& message = checkpoint.status().message();
    EXPECT_EQ(checkpoint.status().code(), code) << message;
    EXPECT_NE(message.find(word), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }

  std::string folder_;
};

TEST_F(CheckpointTest, SingleFile) {
  shard("model.safetensors", {{"a", "F32", {2, 3}}});
  write("generation_config.json", "{\"temperature\":0.6}");
  write("tokenizer.json", "{}");
  auto opened = Checkpoint::open(folder_);
  ASSERT_TRUE(opened.has_value()) << opened.status().message();
  const Checkpoint checkpoint = std::move(*opened);
  EXPECT_EQ(checkpoint.kind(), CheckpointKind::hugging_face);
  EXPECT_EQ(checkpoint.path(), folder_);
  EXPECT_EQ(checkpoint.gguf(), nullptr);
  EXPECT_EQ(*json_string(*checkpoint.config(), "model_type"), "qwen2");
  EXPECT_EQ(*json_number(*checkpoint.generation_config(), "temperature", 0, 2), 0.6);
  EXPECT_EQ(checkpoint.tensors().size(), 1u);
  EXPECT_EQ(checkpoint.find("a")->tensor.shape, (Shape{2, 3}));
  EXPECT_EQ(checkpoint.find("b"), nullptr);
  EXPECT_EQ(checkpoint.tensor_bytes(), 24);
  EXPECT_EQ(*checkpoint.text("tokenizer.json"), "{}");
  EXPECT_FALSE(checkpoint.has("tokenizer_config.json"));
  EXPECT_EQ(checkpoint.text("tokenizer_config.json").status().code(), Code::not_found);
  write("tokenizer.json", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_NE(checkpoint.text("tokenizer.json").status().message().find("LFS"), std::string::npos);
  EXPECT_TRUE(checkpoint.unchanged().is_ok());
  std::filesystem::resize_file(path("model.safetensors"), 9);
  EXPECT_EQ(checkpoint.unchanged().code(), Code::corrupt);
}

TEST_F(CheckpointTest, Shards) {
  shard("m-1.safetensors", {{"a", "F32", {2}}, {"b", "BF16", {1}}});
  shard("m-2.safetensors", {{"c", "F16", {4}}});
  index(R"({"c":"m-2.safetensors","a":"m-1.safetensors","b":"m-1.safetensors"})");
  const auto checkpoint = Checkpoint::open(folder_);
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->tensors().size(), 3u);
  EXPECT_EQ(checkpoint->find("b")->format, Format::bf16);
  EXPECT_EQ(checkpoint->find("c")->bytes, 8);
  EXPECT_EQ(checkpoint->generation_config(), nullptr);
  EXPECT_TRUE(checkpoint->unchanged().is_ok());
}

TEST_F(CheckpointTest, ShardsThatDoNotFit) {
  shard("m-1.safetensors", {{"a", "F32", {2}}});
  const std::string both = R"({"a":"m-1.safetensors","b":"m-2.safetensors"})";
  index(both);
  expect(Code::not_found, "m-2.safetensors");
  shard("m-2.safetensors", {{"c", "F32", {2}}});
  expect(Code::corrupt, "`b`: expected in m-2.safetensors, found nowhere");
  shard("m-2.safetensors", {{"a", "F32", {2}}, {"b", "F32", {2}}});
  expect(Code::corrupt, "`a`: expected in m-1.safetensors only");
  shard("m-2.safetensors", {{"b", "F32", {2}}, {"c", "F32", {2}}});
  const auto surplus = Checkpoint::open(folder_);
  ASSERT_TRUE(surplus.has_value());
  EXPECT_EQ(surplus->find("c"), nullptr);
  shard("m-2.safetensors", {{"b", "F32", {2}}});
  EXPECT_TRUE(Checkpoint::open(folder_).has_value());
  index(R"({"a":"m-2.safetensors","b":"m-1.safetensors"})");
  expect(Code::corrupt, "`a`: expected in m-2.safetensors, found in m-1.safetensors");
  write("m-2.safetensors", "version https://git-lfs.github.com/spec/v1\nsize 1\n");
  expect(Code::corrupt, "m-2.safetensors: expected a safetensors file, found a Git LFS pointer");
  index(R"({"a":"m-1.safetensors","a":"m-2.safetensors"})");
  expect(Code::corrupt, "twice");
  write("model.safetensors.index.json", "version https://git-lfs.github.com/spec/v1\nsize 1\n");
  expect(Code::corrupt, "LFS");
}

TEST_F(CheckpointTest, IndexThatPointsElsewhere) {
  for (const char* name :
       {"../../etc/passwd", "/etc/passwd", "../m.safetensors", "/m.safetensors", "x/m.safetensors",
        "..", ".", "", "..\\\\m.safetensors", ".hidden.safetensors", "m.bin",
        "a\\u0000.safetensors", "m\\n.safetensors", "file:///m.safetensors"}) {
    index(fmt::format(R"({{"a":"{}"}})", name));
    expect(Code::corrupt, "model.safetensors.index.json: `a`:");
  }
  index("{\"a\":1}");
  expect(Code::corrupt, "expected the name of a shard, found 1");
  index("{}");
  expect(Code::corrupt, "expected tensors");
  index("[]");
  expect(Code::corrupt, "weight_map");
  index("{\"\":\"m.safetensors\"}");
  expect(Code::corrupt, "expected a name");
  write("model.safetensors.index.json", "{");
  expect(Code::corrupt, "not JSON");
}

TEST_F(CheckpointTest, FilesWithoutWeights) {
  expect(Code::not_found, "model.safetensors");
  write("pytorch_model.bin", "PK");
  expect(Code::unsupported, "pytorch_model.bin");
  write("model.safetensors", "version https://git-lfs.github.com/spec/v1\nsize 1\n");
  expect(Code::corrupt, "LFS");
  std::filesystem::remove(path("model.safetensors"));
  std::filesystem::create_directory(path("model.safetensors"));
  expect(Code::invalid, "directory");
}

TEST_F(CheckpointTest, WrongPaths) {
  expect_at(path("absent"), Code::not_found, "no such path");
  expect_at("", Code::not_found, "no such path");
  expect_at(path("config.json"), Code::corrupt, "expected a GGUF file");
  shard("model.safetensors", {{"a", "F32", {1}}});
  expect_at(path("model.safetensors"), Code::invalid, "give the directory");
  write("config.json", "[]");
  expect(Code::corrupt, "a JSON object");
  write("config.json", "{\"a\":}");
  expect(Code::corrupt, "config.json: not JSON");
  std::filesystem::remove(path("config.json"));
  expect(Code::invalid, "without config.json");
  write("model.gguf", "GGUF");
  expect(Code::invalid, "model.gguf");
  expect_at(path("model.gguf"), Code::corrupt, "truncated");
}

TEST_F(CheckpointTest, GgufFile) {
  write("model.gguf", RawGguf().encode());
  const auto checkpoint = Checkpoint::open(path("model.gguf"));
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->kind(), CheckpointKind::gguf);
  EXPECT_EQ(*checkpoint->gguf()->get_string("general.architecture"), "tiny");
  EXPECT_EQ(checkpoint->config(), nullptr);
  EXPECT_EQ(checkpoint->find("w")->bytes, 32);
  EXPECT_EQ(checkpoint->tensors().size(), 1u);
  EXPECT_FALSE(checkpoint->has("config.json"));
  EXPECT_EQ(checkpoint->text("tokenizer.json").status().code(), Code::not_found);
  EXPECT_TRUE(checkpoint->unchanged().is_ok());
}

TEST_F(CheckpointTest, Fp8WeightsMeetTheirScales) {
  shard("m-1.safetensors", {{"w.weight_scale_inv", "F32", {2, 3}}});
  shard("m-2.safetensors", {{"w.weight", "F8_E4M3", {130, 257}}, {"n.weight", "BF16", {4}}});
  index(R"({"w.weight":"m-2.safetensors","n.weight":"m-2.safetensors",)"
        R"("w.weight_scale_inv":"m-1.safetensors"})");
  const auto checkpoint = Checkpoint::open(folder_);
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  const TensorEntry* weight = checkpoint->find("w.weight");
  EXPECT_EQ(reinterpret_cast<const std::byte*>(weight->tensor.scales),
            checkpoint->find("w.weight_scale_inv")->tensor.data);
  EXPECT_EQ(weight->tensor.scale_columns, 3);
  EXPECT_EQ(checkpoint->find("n.weight")->tensor.scales, nullptr);
}

TEST_F(CheckpointTest, Fp8WithoutFittingScales) {
  const SafetensorsDeclaration weight = {"w.weight", "F8_E4M3", {130, 257}};
  shard("model.safetensors", {weight});
  const auto unscaled = Checkpoint::open(folder_);  // scales of other names: models/foreign
  ASSERT_TRUE(unscaled.has_value()) << unscaled.status().message();
  EXPECT_EQ(unscaled->find("w.weight")->tensor.scales, nullptr);
  shard("model.safetensors", {{"w.weight_scale_inv", "F32", {3, 2}}, weight});
  expect(Code::corrupt, "expected F32 [2, 3], found F32 [3, 2]");
  shard("model.safetensors", {{"w.weight_scale_inv", "BF16", {2, 3}}, weight});
  expect(Code::corrupt, "found BF16");
  shard("model.safetensors", {{"w.weight_scale_inv", "F32", {1, 1}}, {"w.weight", "F8_E4M3", {4}}});
  expect(Code::unsupported, "two dimensions");
}

TEST(ShardIndex, CountsAndSorts) {
  const auto index = parse_shard_index(
      R"({"weight_map":{"b":"x.safetensors","a":"y.safetensors","c":"x.safetensors"}})");
  ASSERT_TRUE(index.has_value());
  EXPECT_EQ(index->shards, (std::vector<std::string>{"x.safetensors", "y.safetensors"}));
  EXPECT_EQ(index->items[0].tensor, "a");
  EXPECT_EQ(index->items[0].shard, 1u);
  std::string many = "{\"weight_map\":{";
  for (int i = 0; i <= kShardsMax; ++i) {
    many += fmt::format("{}\"t{}\":\"{}.safetensors\"", i ? "," : "", i, i);
  }
  EXPECT_EQ(parse_shard_index(many + "}}").status().code(), Code::unsupported);
  EXPECT_EQ(parse_shard_index("").status().code(), Code::corrupt);
}

}  // namespace
}  // namespace hearth
