// The choice of formats, against tables worked out by hand.
#include "hearth/convert/mix.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

constexpr int64_t kWide = 4096;  // columns that fill every block

Mix named(std::string_view name) {
  auto mix = mix_by_name(name);
  EXPECT_TRUE(mix.has_value()) << name;
  return *mix;
}

// Names of the formats of one tensor in all layers.
std::string layers(const Mix& mix, const MixModel& model, const std::string& tensor) {
  std::string out;
  for (int64_t l = 0; l < model.layers; ++l) {
    const std::string name = fmt::format("blk.{}.{}.weight", l, tensor);
    const Format format = mix_format(mix, model, name, TensorKind::matrix, kWide);
    out += fmt::format("{}{}", l == 0 ? "" : " ", format_info(format).name);
  }
  return out;
}

TEST(Mix, NamesAreLlamaCpps) {
  EXPECT_EQ(named("Q4_K_M").name, "q4_k_m");
  EXPECT_EQ(named("q4_k").name, "q4_k_m");
  EXPECT_EQ(named("IQ4_XS").base, Format::iq4_xs);
  EXPECT_EQ(named("q8_0").file_type, 7u);
  const auto unknown = mix_by_name("q4_k_xl");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_NE(unknown.status().message().find("q4_k_m"), std::string::npos);
  EXPECT_NE(unknown.status().message().find("q4_k_xl"), std::string::npos);
}

TEST(Mix, MediumGivesTheEndsAndEveryThirdLayerMore) {
  const MixModel model{16, 8, false, false};
  const std::string expected =
      "q6_k q6_k q4_k q4_k q6_k q4_k q4_k q6_k q4_k q4_k q6_k q4_k q4_k q6_k q6_k q6_k";
  EXPECT_EQ(layers(named("q4_k_m"), model, "ffn_down"), expected);
  EXPECT_EQ(layers(named("q4_k_m"), model, "ffn_down_exps"), expected);
  EXPECT_EQ(layers(named("q4_k_m"), model, "attn_v"), expected);
  EXPECT_EQ(layers(named("q4_k_m"), model, "attn_kv_b"), expected);
  EXPECT_EQ(layers({named("q4_k_m")}, {2, 8, false, false}, "ffn_up"), "q4_k q4_k");
}

TEST(Mix, SmallGivesTheFirstLayersMore) {
  const MixModel model{16, 1, false, false};
  EXPECT_EQ(layers(named("q4_k_s"), model, "ffn_down").substr(0, 19), "q5_k q5_k q4_k q4_k");
  EXPECT_EQ(layers(named("q4_k_s"), model, "attn_v").substr(0, 24), "q5_k q5_k q5_k q5_k q4_k");
  EXPECT_EQ(layers(named("q3_k_m"), model, "ffn_down").substr(0, 14), "q5_k q4_k q4_k");
}

TEST(Mix, SharedKeysAndMeasurementsDecide) {
  const auto first = [](const char* mix, int64_t shared, bool importance, const char* tensor) {
    const MixModel model{16, shared, false, importance};
    return layers(named(mix), model, tensor).substr(0, 4);
  };
  EXPECT_EQ(first("q2_k", 8, false, "attn_v"), "q4_k");
  EXPECT_EQ(first("q2_k", 1, false, "attn_v"), "q3_k");
  EXPECT_EQ(first("iq4_xs", 1, false, "ffn_down"), "q5_k");
  EXPECT_EQ(first("iq4_xs", 1, true, "ffn_down"), "iq4_");
  EXPECT_EQ(first("q4_0", 1, false, "ffn_down"), "q4_0");
  EXPECT_EQ(first("q4_0", 1, true, "ffn_down"), "q4_1");
}

TEST(Mix, OutputAndEmbedding) {
  const auto format = [](const char* mix, const char* name, bool tied) {
    const MixModel model{16, 1, tied, false};
    return mix_format(named(mix), model, name, TensorKind::matrix, kWide);
  };
  EXPECT_EQ(format("q4_k_m", "output.weight", false), Format::q6_k);
  EXPECT_EQ(format("q4_k_m", "token_embd.weight", false), Format::q4_k);
  EXPECT_EQ(format("q4_k_m", "token_embd.weight", true), Format::q6_k);
  EXPECT_EQ(format("q8_0", "output.weight", false), Format::q8_0);
  EXPECT_EQ(format("bf16", "output.weight", false), Format::bf16);
}

TEST(Mix, VectorsAndRoutersStayExact) {
  for (const std::string_view name : mix_names()) {
    const Mix mix = named(name);
    EXPECT_EQ(mix_format(mix, {}, "blk.0.attn_norm.weight", TensorKind::vector, 64), Format::f32);
    EXPECT_EQ(mix_format(mix, {}, "blk.0.ffn_gate_inp.weight", TensorKind::router, kWide),
              Format::f32);
  }
}

TEST(Mix, RowsThatDoNotFillABlock) {
  const auto format = [](const char* mix, int64_t columns) {
    return mix_format(named(mix), {16, 1, false, false}, "blk.0.attn_k_b.weight",
                      TensorKind::matrix, columns);
  };
  EXPECT_EQ(format("q4_k_m", 128), Format::q5_0);
  EXPECT_EQ(format("q6_k", 128), Format::q8_0);
  EXPECT_EQ(format("iq4_xs", 128), Format::iq4_nl);
  EXPECT_EQ(format("q4_k_m", 100), Format::f16);
  EXPECT_EQ(format("bf16", 100), Format::bf16);
}

TEST(Mix, PureIsOneFormat) {
  const Mix mix = pure(named("q4_k_m"));
  const MixModel model{80, 8, false, false};
  for (const char* name : {"output.weight", "token_embd.weight", "blk.0.attn_v.weight",
                           "blk.0.ffn_down.weight", "blk.3.attn_output.weight"}) {
    EXPECT_EQ(mix_format(mix, model, name, TensorKind::matrix, kWide), Format::q4_k) << name;
  }
}

}  // namespace
}  // namespace hearth
