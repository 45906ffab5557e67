// Every scheme against its tool's own dequantisation (tests/golden/foreign), and what must never be
// loaded as if it were understood: other schemes, other options, tensors that don't fit.
#include "hearth/models/foreign/scheme.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hearth/files/safetensors/safetensors.h"
#include "hearth/files/safetensors/safetensors_writer.h"
#include "hearth/formats/codec.h"
#include "hearth/models/stored_tensor.h"

namespace hearth {
namespace {

constexpr const char* kName = "model.layers.0.mlp.down_proj.weight";
constexpr int64_t kOut = 64;
constexpr int64_t kIn = 128;

struct Case {
  const char* folder;
  Format home;
  double held_error;  // relative RMSE of what is held, measured, to two digits and rounded up
};

const Case kCases[] = {
    {"fp8_tensor", Format::f8_e4m3, 0},      {"fbgemm_fp8", Format::q8_0, 0.006},
    {"ct_fp8_channel", Format::q8_0, 0.006}, {"awq_g32", Format::q4_1, 0.0007},
    {"awq_g64", Format::q4_1, 0.0007},       {"gptq4_sym_v1", Format::q4_0, 0},
    {"gptq4_asym_v2", Format::q4_1, 0.0007}, {"gptq4_asym_v1_permuted", Format::q8_0, 0.006},
    {"gptq8_sym_whole", Format::q8_0, 0},    {"gptq8_asym_v2", Format::q8_0, 0.006},
    {"bnb_int8", Format::q8_0, 0.0003},      {"bnb_nf4_nested", Format::q8_0, 0.006},
    {"bnb_fp4", Format::q8_0, 0.006},        {"ct_pack4_sym", Format::q4_0, 0},
    {"ct_pack4_asym", Format::q4_1, 0.0007}, {"ct_int8_channel", Format::q8_0, 0},
};

std::string folder_of(const Case& c) {
  return std::string(HEARTH_SOURCE_DIR "/tests/golden/foreign/") + c.folder;
}

TensorSpec spec_of(const Shape& shape) {
  TensorSpec spec;
  spec.name = kName;
  spec.shape = shape;
  return spec;
}

class Foreign : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    auto checkpoint = Checkpoint::open(folder_of(GetParam()));
    ASSERT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
    checkpoint_ = *std::move(checkpoint);
    auto tensors = StoredTensors::of(*checkpoint_);
    ASSERT_TRUE(tensors.has_value()) << tensors.status().message();
    auto found = tensors->find(spec_of({kOut, kIn}));
    ASSERT_TRUE(found.has_value()) << found.status().message();
    ASSERT_TRUE(found->has_value());
    found_ = **found;
    auto golden = Safetensors::open(folder_of(GetParam()) + "/golden.safetensors");
    ASSERT_TRUE(golden.has_value());
    const TensorEntry* entry = golden->find(kName);
    ASSERT_NE(entry, nullptr);
    ASSERT_EQ(entry->tensor.shape, (Shape{kOut, kIn}));
    const auto values = entry->tensor.f32();
    expected_.assign(values.begin(), values.end());
  }

  void decode(const Window& window, float* out) const {
    if (found_.foreign) return found_.foreign->decode(window, out);
    for (int64_t r = 0; r < window.rows; ++r) {
      decode_row(found_.tensor, window.row + r, window.column, window.columns,
                 out + r * window.columns);
    }
  }

  std::optional<Checkpoint> checkpoint_;
  StoredMatrix found_;
  std::vector<float> expected_;
};

TEST_P(Foreign, DecodesAsItsToolDoes) {
  std::vector<float> decoded(expected_.size());
  decode({0, kOut, 0, kIn}, decoded.data());
  for (size_t i = 0; i < decoded.size(); ++i) {
    ASSERT_EQ(decoded[i], expected_[i]) << "element " << i;
  }
}

TEST_P(Foreign, WindowsAreCutFromTheWhole) {
  for (const Window& w : {Window{3, 1, 0, kIn}, Window{0, kOut, 77, 1}, Window{13, 22, 31, 66},
                          Window{kOut - 1, 1, kIn - 1, 1}}) {
    std::vector<float> part(static_cast<size_t>(w.rows * w.columns));
    decode(w, part.data());
    for (int64_t r = 0; r < w.rows; ++r) {
      for (int64_t c = 0; c < w.columns; ++c) {
        ASSERT_EQ(part[static_cast<size_t>(r * w.columns + c)],
                  expected_[static_cast<size_t>((w.row + r) * kIn + w.column + c)]);
      }
    }
  }
}

TEST_P(Foreign, IsHeldWithinTheStatedError) {
  ASSERT_EQ(found_.tensor.format, GetParam().home);
  std::unique_ptr<Buffer> memory;
  Tensor held = found_.tensor;
  if (found_.foreign) {
    memory = std::make_unique<Buffer>(Tensor::packed_row_bytes(held.format, kIn) * kOut);
    held = Tensor::packed(held.format, {kOut, kIn}, memory->data());
    const Status written = write_rows(*found_.foreign, held);
    ASSERT_TRUE(written.is_ok()) << written.message();
  }
  double squares = 0, errors = 0;
  std::vector<float> row(kIn);
  for (int64_t r = 0; r < kOut; ++r) {
    decode_row(held, r, 0, kIn, row.data());
    for (int64_t c = 0; c < kIn; ++c) {
      const double value = expected_[static_cast<size_t>(r * kIn + c)];
      const double error = row[static_cast<size_t>(c)] - value;
      squares += value * value;
      errors += error * error;
    }
  }
  const double relative = std::sqrt(errors / squares);
  RecordProperty("relative_error", std::to_string(relative));
  EXPECT_LE(relative, GetParam().held_error);
  EXPECT_GE(relative, GetParam().held_error / 4) << "the stated error is too pessimistic";
}

INSTANTIATE_TEST_SUITE_P(Schemes, Foreign, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.folder); });

void expect_refused(const std::string& quantization, Code code, const std::string& words) {
  const auto json = parse_json(fmt::format(R"({{"quantization_config":{}}})", quantization));
  ASSERT_TRUE(json.has_value()) << quantization;
  const auto scheme = foreign_scheme(*json);
  ASSERT_FALSE(scheme.has_value()) << quantization;
  const std::string& message = scheme.status().message();
  EXPECT_EQ(scheme.status().code(), code) << message;
  EXPECT_NE(message.find(words), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
  const bool advises = message.find("hearth quantize ORIGINAL/ NAME.gguf") != std::string::npos;
  EXPECT_EQ(advises, code == Code::unsupported) << message;
}

TEST(ForeignScheme, RefusesOthersByName) {
  for (const char* method : {"aqlm", "auto-round", "eetq", "exl2", "higgs", "hqq", "modelopt",
                             "mxfp4", "quark", "torchao", "vptq", "tomorrow's", ""}) {
    expect_refused(fmt::format(R"({{"quant_method":"{}"}})", method), Code::unsupported,
                   fmt::format("found `{}`", method));
  }
  expect_refused("{}", Code::corrupt, "`quant_method`");
  expect_refused("[]", Code::corrupt, "quantization_config");
  expect_refused(R"({"quant_method":7})", Code::corrupt, "found 7");
}

TEST(ForeignScheme, RefusesOtherOptions) {
  const std::pair<const char*, const char*> unsupported[] = {
      {R"({"quant_method":"awq","bits":3})", "found 3"},
      {R"({"quant_method":"awq","bits":4,"version":"gemv"})", "found `gemv`"},
      {R"({"quant_method":"awq","bits":4,"backend":"llm-awq"})", "llm-awq"},
      {R"({"quant_method":"awq","bits":4,"zero_point":false})", "`zero_point`"},
      {R"({"quant_method":"gptq","bits":3})", "found 3"},
      {R"({"quant_method":"gptq","bits":4,"checkpoint_format":"marlin"})", "`marlin`"},
      {R"({"quant_method":"gptq","bits":4,"is_marlin_format":true})", "`marlin`"},
      {R"({"quant_method":"fp8","weight_block_size":[64,64]})", "expected [128, 128] or null"},
      {R"({"quant_method":"fp8","fmt":"e5m2"})", "e5m2"},
      {R"({"load_in_4bit":true,"bnb_4bit_quant_type":"int4"})", "int4"},
      {R"({"quant_method":"compressed-tensors","format":"nvfp4-pack-quantized",)"
       R"("config_groups":{}})",
       "nvfp4-pack-quantized"},
      {R"({"quant_method":"compressed-tensors","format":"mixed-precision",)"
       R"("config_groups":{"a":{"format":"marlin-24"}}})",
       "marlin-24"},
      {R"({"quant_method":"compressed-tensors","format":"pack-quantized","config_groups":{},)"
       R"("transform_config":{"config_groups":{"u":{}}}})",
       "transform_config"},
      {R"({"quant_method":"compressed-tensors","format":"dense","config_groups":{},)"
       R"("sparsity_config":{"format":"sparse-24-bitmask"}})",
       "sparse-24-bitmask"},
  };
  for (const auto& [json, words] : unsupported) expect_refused(json, Code::unsupported, words);
  expect_refused(R"({"quant_method":"gptq","bits":4,"group_size":0})", Code::corrupt, "found 0");
  expect_refused(R"({"quant_method":"awq","bits":4,"group_size":0})", Code::corrupt, "found 0");
  expect_refused(R"({"quant_method":"bitsandbytes"})", Code::corrupt, "load_in_8bit");
}

// A directory of one matrix [8, 32] whose tensors are zeros but for what `bytes` says.
class MalformedForeign : public testing::Test {
 protected:
  using Declarations = std::vector<SafetensorsDeclaration>;

  void SetUp() override {
    folder_ = testing::TempDir() + "malformed_foreign";
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void expect(const std::string& quantization, const Declarations& tensors, char fill,
              const std::string& words) const {
    int64_t bytes = 0;
    const auto header = encode_safetensors_header(tensors, {}, &bytes);
    ASSERT_TRUE(header.has_value()) << header.status().message();
    std::ofstream(folder_ + "/model.safetensors", std::ios::binary)
        << *header << std::string(static_cast<size_t>(bytes), fill);
    std::ofstream(folder_ + "/config.json")
        << fmt::format(R"({{"quantization_config":{}}})", quantization);
    const Status status = load();
    EXPECT_FALSE(status.is_ok()) << words;
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find('\n'), std::string::npos);
  }

 private:
  Status load() const {
    TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(folder_));
    TRY_ASSIGN(const StoredTensors tensors, StoredTensors::of(checkpoint));
    TensorSpec spec;
    spec.name = "m.weight";
    spec.shape = {8, 32};
    TRY(tensors.find(spec));
    return Status::ok();
  }

  std::string folder_;
};

TEST_F(MalformedForeign, Awq) {
  const std::string awq = R"({"quant_method":"awq","bits":4,"group_size":32})";
  const SafetensorsDeclaration codes = {"m.qweight", "I32", {32, 1}};
  const SafetensorsDeclaration zeros = {"m.qzeros", "I32", {1, 1}};
  const SafetensorsDeclaration scales = {"m.scales", "F16", {1, 8}};
  expect(awq, {codes, zeros}, 0, "`m.scales`: expected");
  expect(awq, {codes, scales}, 0, "`m.qzeros`: expected");
  expect(awq, {zeros, scales}, 0, "`m.weight`: expected [8, 32], found no such tensor");
  expect(awq, {{"m.qweight", "I32", {32, 2}}, zeros, scales}, 0, "found I32 [32, 2]");
  expect(awq, {{"m.qweight", "F32", {32, 1}}, zeros, scales}, 0, "found F32");
  expect(awq, {codes, {"m.qzeros", "I32", {2, 1}}, scales}, 0, "found I32 [2, 1]");
  expect(awq, {codes, zeros, {"m.scales", "F16", {8, 1}}}, 0, "found F16 [8, 1]");
  expect(awq, {codes, zeros, scales, {"m.weight", "F16", {8, 32}}}, 0, "found a plain one too");
  expect(awq, {codes, zeros, scales, {"m.svd_up", "F16", {8, 1}}}, 0, "found `svd_up`");
  expect(R"({"quant_method":"awq","bits":4,"group_size":24})", {codes, zeros, scales}, 0,
         "groups of 24");
}

TEST_F(MalformedForeign, Gptq) {
  const std::string v1 = R"({"quant_method":"gptq","bits":4,"group_size":32,"desc_act":true})";
  const SafetensorsDeclaration codes = {"m.qweight", "I32", {4, 8}};
  const SafetensorsDeclaration zeros = {"m.qzeros", "I32", {1, 1}};
  const SafetensorsDeclaration scales = {"m.scales", "F16", {1, 8}};
  const SafetensorsDeclaration order = {"m.g_idx", "I32", {32}};
  expect(v1, {codes, zeros, scales}, 0, "`m.g_idx`: expected");
  expect(v1, {codes, zeros, scales, {"m.g_idx", "I32", {31}}}, 0, "found I32 [31]");
  expect(v1, {codes, zeros, scales, {"m.g_idx", "I64", {32}}}, 0, "found I64");
  expect(v1, {codes, zeros, scales, order}, 1, "expected groups below 1, found 16843009");
  expect(v1, {codes, zeros, scales, order}, '\xFF', "tools read differently");
  expect(R"({"quant_method":"gptq","bits":8,"group_size":32})", {codes, zeros, scales, order}, 0,
         "expected I32 [8, 8], found I32 [4, 8]");
}

TEST_F(MalformedForeign, Fp8) {
  const std::string fp8 = R"({"quant_method":"fp8"})";
  const SafetensorsDeclaration weight = {"m.weight", "F8_E4M3", {8, 32}};
  expect(fp8, {weight}, 0, "`m.weight_scale_inv`: expected");
  expect(fp8, {weight, {"m.weight_scale", "F32", {2}}}, 0, "found F32 [2]");
  expect(fp8, {weight, {"m.weight_scale", "F8_E8M0", {1}}}, 0, "found F8_E8M0");
  expect(fp8, {weight, {"m.weight_scale", "F32", {1}}}, '\xFF', "expected finite scales");
  expect(fp8, {{"m.weight", "BF16", {8, 32}}, {"m.weight_scale", "F32", {1}}}, 0,
         "expected F8_E4M3 [8, 32], found BF16");
  expect(fp8, {weight, {"m.weight_scale", "F32", {1}}, {"m.weight_scale_2", "F32", {1}}}, 0,
         "found `weight_scale_2`");
  expect(fp8, {weight, {"m.weight_scale", "F32", {1}}, {"m.weight_scale_inv", "F32", {1}}}, 0,
         "found both");
  expect("null", {weight, {"m.weight_scale", "F32", {1}}}, 0, "found F8_E4M3 without any");
}

TEST_F(MalformedForeign, BitsAndBytes) {
  const std::string nf4 =
      R"({"load_in_4bit":true,"bnb_4bit_quant_type":"nf4","load_in_8bit":false})";
  const SafetensorsDeclaration codes = {"m.weight", "U8", {128, 1}};
  const SafetensorsDeclaration map = {"m.weight.quant_map", "F32", {16}};
  const SafetensorsDeclaration state = {"m.weight.quant_state.bitsandbytes__nf4", "U8", {9}};
  expect(nf4, {codes}, 0, "`m.weight.quant_map`: expected");
  expect(nf4, {codes, map}, 0, "bitsandbytes__nf4");
  expect(nf4, {codes, map, state}, 0, "not JSON");
  expect(nf4, {{"m.weight", "U8", {127, 1}}, map, state}, 0, "found U8 [127, 1]");
  const std::string int8 = R"({"quant_method":"bitsandbytes","load_in_8bit":true})";
  expect(int8, {{"m.weight", "I8", {8, 32}}}, 0, "`m.SCB`: expected");
  expect(int8, {{"m.weight", "I8", {8, 32}}, {"m.SCB", "F32", {32}}}, 0, "found F32 [32]");
  expect(int8, {{"m.weight", "I8", {8, 32}}, {"m.SCB", "F32", {8}}, {"m.weight_format", "U8", {1}}},
         1, "another packing");
}

TEST_F(MalformedForeign, CompressedTensors) {
  const std::string packed =
      R"({"quant_method":"compressed-tensors","format":"pack-quantized","config_groups":{}})";
  const SafetensorsDeclaration codes = {"m.weight_packed", "I32", {8, 4}};
  const SafetensorsDeclaration scale = {"m.weight_scale", "F16", {8, 1}};
  expect(packed, {codes}, 0, "`m.weight_scale`: expected");
  expect(packed, {codes, {"m.weight_scale", "F16", {8, 3}}}, 0, "groups that divide 32");
  expect(packed, {codes, {"m.weight_scale", "F16", {8, 0}}}, 0, "groups that divide 32");
  expect(packed, {codes, scale, {"m.weight_shape", "I64", {2}}}, 0, "found 0 at 0");
  expect(packed, {{"m.weight_packed", "I32", {8, 3}}, scale}, 0, "4 or 8 bits");
  expect(packed, {{"m.weight_packed", "U8", {8, 4}}, scale}, 0, "found U8");
  expect(packed, {codes, scale, {"m.weight_zero_point", "I32", {8, 1}}}, 0,
         "expected I32 [1, 1], found I32 [8, 1]");
  expect(packed, {codes, scale, {"m.weight_g_idx", "I32", {32}}}, 1, "expected groups below 1");
  expect(packed, {codes, scale, {"m.weight_global_scale", "F32", {1}}}, 0,
         "found `weight_global_scale`");
  expect(packed, {{"m.weight", "I8", {8, 32}}}, 0, "`m.weight_scale`: expected");
  expect("null", {codes, scale}, 0, "packed by a tool");
}

}  // namespace
}  // namespace hearth
