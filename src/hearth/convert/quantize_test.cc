// Conversions end to end: the network must survive them, whatever the architecture; a broken run
// must go on to the same bytes; what can't be converted must be refused with its place.
#include "hearth/convert/quantize.h"

#include <cstring>
#include <fstream>

#include "hearth/base/sha256.h"
#include "hearth/convert/testing.h"
#include "hearth/formats/codec.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth {
namespace {

using test::Folder;

// llama.cpp's arrangement of Llama's rotary rows and of MLA adds the same products in another
// order; Qwen's is the directory's own.
double tolerance(const std::string& architecture) {
  return architecture.starts_with("qwen") ? 0 : 1e-6;
}

class Conversion : public testing::TestWithParam<std::string> {};

TEST_P(Conversion, KeepsTheNetworkExactly) {
  const Folder folder;
  for (const Format format : {Format::f32, Format::bf16, Format::f16, Format::f8_e4m3}) {
    const std::string name(format_info(format).name);
    SCOPED_TRACE(name);
    const std::string in = test::tiny(folder / name, GetParam(), format);
    // FP8 with its scales is exact in f32; f32 holds everything.
    const std::string mix = format == Format::f8_e4m3 ? "f32" : name;
    const std::string out = test::quantized(in, folder / (name + ".gguf"), mix);
    EXPECT_LE(test::difference(test::logits_of(out), test::logits_of(in)), tolerance(GetParam()));
  }
}

TEST_P(Conversion, IsTheFileThatTheGeneratorWrites) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", GetParam(), Format::f32);
  const std::string direct = test::tiny(folder / "direct.gguf", GetParam(), Format::f32);
  const std::string out = test::quantized(in, folder / "model.gguf", "f32");
  const auto a = Gguf::open(out);
  const auto b = Gguf::open(direct);
  ASSERT_TRUE(a.has_value() && b.has_value());
  ASSERT_EQ(a->tensors().size(), b->tensors().size());
  for (const TensorEntry& entry : a->tensors()) {
    const TensorEntry* other = b->find(entry.name);
    ASSERT_NE(other, nullptr) << entry.name;
    EXPECT_EQ(entry.tensor.shape, other->tensor.shape) << entry.name;
    ASSERT_EQ(entry.bytes, other->bytes) << entry.name;
    EXPECT_EQ(std::memcmp(entry.tensor.data, other->tensor.data, static_cast<size_t>(entry.bytes)),
              0)
        << entry.name;
  }
  for (const GgufValue& value : b->metadata()) {
    const GgufValue* own = a->find_value(value.key);
    ASSERT_NE(own, nullptr) << value.key;
    if (value.key != "general.name" && value.key != "tokenizer.ggml.token_type") {
      EXPECT_EQ(own->to_string(1 << 20), value.to_string(1 << 20)) << value.key;
    }
  }
}

TEST_P(Conversion, ComesBackAsTheSameDirectory) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", GetParam(), Format::bf16);
  const std::string file = test::quantized(in, folder / "model.gguf", "f32");
  const std::string back = test::quantized(file, folder / "back", "f32");
  const auto a = Checkpoint::open(in);
  const auto b = Checkpoint::open(back);
  ASSERT_TRUE(a.has_value() && b.has_value()) << b.status().message();
  ASSERT_EQ(a->tensors().size(), b->tensors().size());
  for (const TensorEntry& entry : a->tensors()) {
    const TensorEntry* other = b->find(entry.name);
    ASSERT_NE(other, nullptr) << entry.name;
    ASSERT_EQ(entry.tensor.shape, other->tensor.shape) << entry.name;
    const auto columns = static_cast<size_t>(entry.tensor.columns());
    std::vector<float> mine(columns), theirs(columns);
    for (int64_t r = 0; r < entry.tensor.rows(); ++r) {
      decode_row(entry.tensor, r, 0, entry.tensor.columns(), mine.data());
      decode_row(other->tensor, r, 0, entry.tensor.columns(), theirs.data());
      ASSERT_EQ(mine, theirs) << entry.name << " row " << r;
    }
  }
  // The config says the same network (GGUF has YaRN's constants as f32), the tokenizer the same
  // ids.
  EXPECT_LE(test::difference(test::logits_of(back), test::logits_of(in)), 1e-6);
  const auto tokenizer = [](const std::string& path) {
    return *Tokenizer::from_tokenizer_json(test::content(path + "/tokenizer.json"),
                                           test::content(path + "/tokenizer_config.json"));
  };
  const std::string text = "the thin 你好 <｜User｜> 12";
  EXPECT_EQ(tokenizer(back).encode(text), tokenizer(in).encode(text));
}

TEST_P(Conversion, DirectoriesChangeTheirFormat) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", GetParam(), Format::f8_e4m3);
  const std::string wide = test::quantized(in, folder / "wide", "f32");
  EXPECT_EQ(test::logits_of(wide), test::logits_of(in));
  const std::string half = test::quantized(in, folder / "half", "bf16");
  EXPECT_LE(test::difference(test::logits_of(half), test::logits_of(in)), 0.05);
  // Every matrix, MLA's expansion and tied heads among them.
  const auto written = Checkpoint::open(test::quantized(half, folder / "again", "f32"));
  ASSERT_TRUE(written.has_value());
  for (const TensorEntry& entry : written->tensors()) {
    if (entry.tensor.shape.rank() != 2 || entry.name.ends_with(".gate.weight")) continue;
    EXPECT_EQ(entry.dtype, "F32") << entry.name;
  }
}

TEST_P(Conversion, QuantisedNetworksStayNear) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", GetParam(), Format::bf16);
  const auto exact = test::logits_of(in);
  for (const auto& [mix, most] : {std::pair("q8_0", 0.15), {"q6_k", 0.3}, {"q4_k_m", 0.9}}) {
    const std::string out = test::quantized(in, folder / (std::string(mix) + ".gguf"), mix);
    EXPECT_LE(test::difference(test::logits_of(out), exact), most) << mix;
  }
}

TEST_P(Conversion, ThreadsAndGgufInputsDoNotMatter) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", GetParam(), Format::bf16);
  const std::string whole = test::quantized(in, folder / "whole.gguf", "bf16");
  const std::string once = test::quantized(in, folder / "once.gguf", "q8_0");
  auto options = test::options_of("q8_0");
  options.threads = 1;
  ASSERT_TRUE(quantize(in, folder / "single.gguf", options).has_value());
  EXPECT_TRUE(test::content(once) == test::content(folder / "single.gguf"));
  // By way of a GGUF file of the same values, whose name the metadata keeps.
  const std::string twice = test::quantized(whole, folder / "twice.gguf", "q8_0");
  EXPECT_TRUE(test::content(once) == test::content(twice));
  // And once more: what is in the wanted format already is copied.
  const std::string again = test::quantized(twice, folder / "again.gguf", "q8_0");
  EXPECT_TRUE(test::content(once) == test::content(again));
}

INSTANTIATE_TEST_SUITE_P(Architectures, Conversion, testing::ValuesIn(tiny_architectures()),
                         [](const auto& info) { return info.param; });

TEST(Quantize, KeepsTheTokenizer) {
  const Folder folder;
  const std::string mini = HEARTH_SOURCE_DIR "/assets/mini";
  const std::string out = test::quantized(mini, folder / "mini.gguf", "bf16");
  const auto gguf = Gguf::open(out);
  ASSERT_TRUE(gguf.has_value());
  auto data = vocabulary_from_gguf(*gguf);
  ASSERT_TRUE(data.has_value()) << data.status().message();
  const auto read = Tokenizer::from_vocabulary(*std::move(data));
  const auto original = Tokenizer::from_tokenizer_json(
      test::content(mini + "/tokenizer.json"), test::content(mini + "/tokenizer_config.json"));
  ASSERT_TRUE(read.has_value() && original.has_value());
  EXPECT_EQ(*gguf->get_string("tokenizer.ggml.pre"), "deepseek-v3");
  EXPECT_EQ(read->bos(), original->bos());
  EXPECT_EQ(read->eos(), original->eos());
  EXPECT_EQ(read->adds_bos(), original->adds_bos());
  const std::string text = "37*48=? 你好, <｜User｜>Ünïcode\n\n  x1234 <think>";
  for (const bool special : {false, true}) {
    EncodeOptions options;
    options.parse_special = special;
    EXPECT_EQ(read->encode(text, options), original->encode(text, options));
  }
  EXPECT_TRUE(gguf->get_string("tokenizer.chat_template").has_value());
}

TEST(Quantize, WritesTheChecksumOfTheFile) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", "qwen2", Format::bf16);
  const auto report = quantize(in, folder / "model.gguf", test::options_of("q4_0"));
  ASSERT_TRUE(report.has_value()) << report.status().message();
  const std::string bytes = test::content(folder / "model.gguf");
  Sha256 hash;
  hash.update(bytes);
  EXPECT_EQ(report->sha256, hash.hex());
  EXPECT_EQ(test::content(folder / "model.gguf.sha256"), hash.hex() + "  model.gguf\n");
  EXPECT_EQ(report->bytes_out, static_cast<int64_t>(bytes.size()));
  EXPECT_FALSE(std::filesystem::exists(folder / "model.gguf.journal"));
  EXPECT_FALSE(std::filesystem::exists(folder / "model.gguf.partial"));
  EXPECT_GT(report->rmse, 0);
  for (const TensorReport& tensor : report->tensors) {
    if (tensor.format == Format::f32) {
      EXPECT_EQ(tensor.rmse, 0) << tensor.name;
    } else {
      EXPECT_GT(tensor.relative, 0.005) << tensor.name;
      EXPECT_LT(tensor.relative, 0.2) << tensor.name;
    }
  }
}

// Stops when `share` of the output is written.
Result<QuantizeReport> stopped_at(double share, const std::string& in, const std::string& out) {
  auto options = test::options_of("q4_k_m");
  options.progress = [share](int64_t done, int64_t total) {
    return static_cast<double>(done) < share * static_cast<double>(total);
  };
  return quantize(in, out, options);
}

TEST(Quantize, GoesOnWhereItStopped) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", "deepseek_v3", Format::bf16);
  const std::string whole = test::content(test::quantized(in, folder / "whole.gguf", "q4_k_m"));
  const std::string out = folder / "out.gguf";
  for (const double share : {0.2, 0.5, 0.9}) {
    const auto stopped = stopped_at(share, in, out);
    ASSERT_FALSE(stopped.has_value());
    EXPECT_EQ(stopped.status().code(), Code::cancelled);
    EXPECT_FALSE(std::filesystem::exists(out));
  }
  // A bit that the disk lost: the tensor is made again.
  std::fstream partial(out + ".partial", std::ios::in | std::ios::out | std::ios::binary);
  partial.seekp(static_cast<std::streamoff>(whole.size() / 3));
  partial.put(static_cast<char>(~whole[whole.size() / 3]));
  partial.close();
  std::ofstream(out + ".journal", std::ios::app) << "{\"tensor\": 3, \"sha2";  // torn
  const auto report = quantize(in, out, test::options_of("q4_k_m"));
  ASSERT_TRUE(report.has_value()) << report.status().message();
  EXPECT_GT(report->resumed, 3);
  EXPECT_TRUE(test::content(out) == whole);
}

TEST(Quantize, AnotherJobStartsOver) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", "qwen3", Format::bf16);
  const std::string out = folder / "out.gguf";
  ASSERT_FALSE(stopped_at(0.5, in, out).has_value());
  const auto report = quantize(in, out, test::options_of("q8_0"));
  ASSERT_TRUE(report.has_value()) << report.status().message();
  EXPECT_EQ(report->resumed, 0);
  EXPECT_TRUE(test::content(out) ==
              test::content(test::quantized(in, folder / "two.gguf", "q8_0")));
}

std::string refusal(const std::string& in, const std::string& out, const std::string& mix) {
  const auto report = quantize(in, out, test::options_of(mix));
  return report ? "" : report.status().message();
}

// Puts `bits` over a bf16 value of a tensor of a directory.
void spoil(const std::string& model, const std::string& tensor, int64_t index, uint16_t bits) {
  const std::string path = model + "/model.safetensors";
  int64_t offset = 0;
  {
    const auto checkpoint = Checkpoint::open(model);
    ASSERT_TRUE(checkpoint.has_value());
    const auto file = MappedFile::open(path);
    ASSERT_TRUE(file.has_value());
    const std::string bytes = test::content(path);
    const TensorEntry* entry = checkpoint->find(tensor);
    ASSERT_NE(entry, nullptr);
    const std::string row(reinterpret_cast<const char*>(entry->tensor.data),
                          static_cast<size_t>(entry->tensor.row_bytes));
    offset = static_cast<int64_t>(bytes.find(row)) + 2 * index;
  }
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file.write(reinterpret_cast<const char*>(&bits), 2);
}

TEST(Quantize, RefusesWhatIsNoNumberWithItsPlace) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", "qwen2", Format::bf16);
  const std::string tensor = "model.layers.1.mlp.up_proj.weight";
  const auto checkpoint = Checkpoint::open(in);
  const int64_t columns = checkpoint->find(tensor)->tensor.columns();
  for (const uint16_t bits : {uint16_t{0x7FC0}, uint16_t{0xFF80}}) {
    spoil(in, tensor, 3 * columns + 17, bits);
    for (const char* mix : {"q8_0", "bf16", "f32", "q4_k_m"}) {
      const std::string message = refusal(in, folder / "out.gguf", mix);
      EXPECT_NE(message.find("`blk.1.ffn_up.weight`: row 3, column 17"), std::string::npos)
          << mix << ": " << message;
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "out.gguf"));
    EXPECT_FALSE(std::filesystem::exists(folder / "out.gguf.partial"));
  }
}

TEST(Quantize, DirectoriesHoldPlainFormats) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", "qwen2", Format::bf16);
  EXPECT_NE(refusal(in, folder / "out", "q4_k_m").find("not q4_k_m; name the output NAME.gguf"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  test::quantized(in, folder / "out", "f16");
  EXPECT_NE(refusal(in, folder / "out", "f16").find("taken"), std::string::npos);
  const std::string sums = test::content(folder / "out/model.sha256");
  Sha256 hash;
  hash.update(test::content(folder / "out/config.json"));
  EXPECT_NE(sums.find(hash.hex() + "  config.json\n"), std::string::npos);
}

TEST(Quantize, LeavesThePredictionLayerAside) {
  const Folder folder;
  auto options = test::options_of("f32");
  std::vector<std::string> lines;
  options.notice = [&](const std::string& line) { lines.push_back(line); };
  const std::string in = HEARTH_SOURCE_DIR "/tests/golden/deepseek_v3_mtp";
  ASSERT_TRUE(quantize(in, folder / "out", options).has_value());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("multi-token-prediction"), std::string::npos);
  EXPECT_EQ(test::logits_of(folder / "out"), test::logits_of(in));
}

TEST(Quantize, RefusesPaths) {
  const Folder folder;
  const std::string in = test::tiny(folder / "model", "qwen2", Format::bf16);
  const std::string out = test::quantized(in, folder / "out.gguf", "q8_0");
  EXPECT_NE(refusal(in, out, "q8_0").find("taken"), std::string::npos);
  auto options = test::options_of("q8_0");
  options.replace = true;
  EXPECT_TRUE(quantize(in, out, options).has_value());
  const auto self = quantize(out, out, options);
  ASSERT_FALSE(self.has_value());
  EXPECT_NE(self.status().message().find("the input"), std::string::npos);
  EXPECT_NE(refusal(folder / "none", folder / "x.gguf", "q8_0").find("none"), std::string::npos);
}

}  // namespace
}  // namespace hearth
