// Cards by name, and the limits that a plan meets on them.
#include "hearth/host/gpu_card.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

std::string_view card_of(std::string_view name) {
  const GpuCard* card = find_gpu_card(name);
  return card ? card->name : "none";
}

TEST(GpuCard, IsFoundAsItIsSoldAndAsItsDriverSays) {
  for (const GpuCard& card : gpu_cards()) EXPECT_EQ(card_of(card.name), card.name);
  EXPECT_EQ(card_of("rtx4090"), "RTX 4090");
  EXPECT_EQ(card_of("NVIDIA GeForce RTX 4090"), "RTX 4090");
  EXPECT_EQ(card_of("NVIDIA GeForce RTX 4090 D"), "RTX 4090 D");
  EXPECT_EQ(card_of("NVIDIA GeForce RTX 4060 Ti"), "RTX 4060 Ti");
  EXPECT_EQ(card_of("NVIDIA A100-SXM4-80GB"), "A100");
  EXPECT_EQ(card_of("NVIDIA H100 80GB HBM3"), "H100");
  EXPECT_EQ(card_of("NVIDIA L40S"), "L40S");
}

TEST(GpuCard, IsNoOtherOfASimilarName) {
  for (const char* name :
       {"", "4", "NVIDIA L40", "NVIDIA GeForce RTX 3060 Ti", "RTX 4090 Laptop GPU", "RTX 5090D",
        "GTX 1080", "RTX A4000", "H", "100"}) {
    EXPECT_EQ(card_of(name), "none") << name;
  }
  const auto unknown = gpu_card_named("Voodoo 2");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.status().code(), Code::invalid);
  EXPECT_NE(unknown.status().message().find("RTX 4090"), std::string::npos);
  EXPECT_NE(unknown.status().message().find("found Voodoo 2"), std::string::npos);
}

TEST(GpuCard, NoStepIsFasterThanItsBytesAndItsProducts) {
  const GpuCard card{"one", 0, 1000, 100, 400};
  MemoryPlan plan;
  plan.main_format = Format::q8_0;
  plan.decode.rows = 8;
  plan.decode.work = {9'000'000'000, 1'000'000'000, 1e12};  // 10 ms of memory, 2.5 of arithmetic
  plan.prompt.work = {9'000'000'000, 0, 8e12};              // 9 and 20
  GpuLimits limits = limits_on(card, plan);
  EXPECT_NEAR(limits.tok_s_most, 800, 1e-9);
  EXPECT_NEAR(limits.ttft_ms_least, 20, 1e-9);
  EXPECT_TRUE(limits.by_memory);
  plan.main_format = Format::bf16;
  plan.decode.work.flops = 2e12;
  limits = limits_on(card, plan);
  EXPECT_NEAR(limits.tok_s_most, 400, 1e-9);
  EXPECT_NEAR(limits.ttft_ms_least, 80, 1e-9);
  EXPECT_FALSE(limits.by_memory);
}

}  // namespace
}  // namespace hearth
