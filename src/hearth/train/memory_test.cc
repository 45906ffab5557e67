// The foretold weights against those that a network then holds.
#include "hearth/train/memory.h"

#include <gtest/gtest.h>

#include "hearth/train/testing.h"

namespace hearth::train {
namespace {

int64_t elements(const std::vector<Parameter<float>*>& parameters) {
  size_t sum = 0;
  for (const Parameter<float>* p : parameters) sum += p->value.size();
  return static_cast<int64_t>(sum);
}

TEST(Memory, ForetellsEveryWeightThatLearns) {
  for (const char* architecture : {"llama", "qwen2", "qwen3", "deepseek_v2", "deepseek_v3"}) {
    testing::SmallModel small(testing::small_config(architecture));
    const auto whole = testing::make_network<float>(small.model(), {});
    EXPECT_EQ(learned_weights(small.model(), std::nullopt),
              elements(whole->learned()) + elements(whole->balances()))
        << architecture;
    const NetworkOptions lora = testing::adapter_options(small.model(), {"q_proj", "down_proj"});
    EXPECT_EQ(learned_weights(small.model(), lora.adapter),
              elements(testing::make_network<float>(small.model(), lora)->learned()))
        << architecture;
  }
}

TEST(Memory, SaysWhatWouldNeedLess) {
  EXPECT_TRUE(check_fits(1'000'000'000, true, 16'000'000'000).is_ok());
  const Status full = check_fits(1'000'000'000, true, 15'999'999'999);
  EXPECT_EQ(full.code(), Code::no_memory);
  EXPECT_EQ(full.message(),
            "training needs 16.0 GB of memory beside the loaded model (1000000000 weights learn, "
            "16 bytes each), 16.0 GB are available; --method lora would need less");
  EXPECT_NE(check_fits(1'000'000'000, false, 0).message().find("a smaller --rank"),
            std::string::npos);
}

}  // namespace
}  // namespace hearth::train
