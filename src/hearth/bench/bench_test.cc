// Statistics, names and rooflines by arithmetic; a run of every test on tiny models.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "hearth/backend/make_backend.h"
#include "hearth/bench/report.h"
#include "hearth/bench/roofline.h"
#include "hearth/bench/speed_run.h"
#include "hearth/host/memory_plan.h"
#include "hearth/models/tiny/random_model.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth {
namespace {

TEST(Spread, IsTheMiddleAndTheEnds) {
  const Spread odd = spread_of({5, 1, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.min, 1);
  EXPECT_EQ(odd.max, 5);
  EXPECT_EQ(spread_of({4, 1, 2, 9}).median, 3);
  EXPECT_EQ(spread_of({7}).median, 7);
}

TEST(SpeedTests, AreNamedAsUsersKnowThem) {
  std::vector<std::string> names;
  for (const SpeedTest& test : speed_tests({512, 0}, {0, 128}, {0, 4096}, {1, 8})) {
    names.push_back(test.name());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"pp512", "pp512@4096", "tg128", "tg128 b8",
                                             "tg128@4096", "tg128@4096 b8"}));
}

TEST(Roofline, TakesTheSlowerOfTwoLimits) {
  const Work read{1'000'000'000, 0, 1e9};    // 0.1 s at 10 GB/s, 0.01 s at 100 GFLOP/s
  const Work compute{0, 100'000'000, 50e9};  // 0.01 s, 0.5 s
  const std::vector<Work> steps = {read, compute};
  const Roofline line = roofline_of(steps, 10, 100);
  EXPECT_DOUBLE_EQ(line.seconds, 0.6);
  EXPECT_FALSE(line.limited_by_bytes);
  EXPECT_TRUE(roofline_of({steps.data(), 1}, 10, 100).limited_by_bytes);
  EXPECT_DOUBLE_EQ(line.bytes, 1.1e9);
  EXPECT_DOUBLE_EQ(line.operations, 51e9);
}

TEST(Roofline, ChoosesTheArithmeticOfTheFormat) {
  const ArithmeticPeaks with{{100, "avx512"}, {400, "avx512_vnni"}, {200, "avx512_bf16"}};
  const ArithmeticPeaks without{{100, "avx2"}, {200, "avx2"}, {}};
  EXPECT_EQ(peak_for(with, Format::q4_k).kind, "int8");
  EXPECT_EQ(peak_for(with, Format::bf16).kind, "bf16");
  EXPECT_EQ(peak_for(with, Format::f16).kind, "f32");
  EXPECT_EQ(peak_for(without, Format::bf16).kind, "f32");
}

class Speed : public testing::TestWithParam<const char*> {};

TEST_P(Speed, RunsEveryTest) {
  const auto backend = make_backend({"cpu", 2, ""});
  RandomModelOptions options;
  options.format = Format::q8_0;
  const auto made = make_random_model(*tiny_config(GetParam()), **backend, options);
  ASSERT_TRUE(made.has_value()) << made.status().message();
  SpeedLimits limits;
  limits.read_gb_s = 10;
  limits.peaks = {{100, "avx2"}, {200, "avx2"}, {}};
  for (const SpeedTest& test : speed_tests({70}, {3}, {0, 600}, {1, 3})) {
    const auto measured = run_speed_test(*made->model, **backend, test, Format::f16, 2);
    ASSERT_TRUE(measured.has_value());
    const Spread tok_s = measured->tok_s;
    EXPECT_GT(tok_s.min, 0) << test.name();
    EXPECT_LE(tok_s.min, tok_s.median);
    const auto steps = trace_speed_test(*made->model, test, Format::f16);
    EXPECT_EQ(static_cast<int64_t>(steps.size()), test.prompt > 0 ? 1 : 3);
    SpeedSetting setting;
    setting.model = "tiny \"x\"";
    setting.format = Format::q8_0;
    const Json line = speed_line(setting, {test, tok_s, steps, 123, {{7, 456}}, 0.5}, limits);
    EXPECT_EQ(line["test"], test.name());
    EXPECT_GT(line["fraction_of_limit"].get<double>(), 0);
    EXPECT_GT(line["bytes_per_token"].get<int64_t>(), 1000);
    EXPECT_EQ(line["peak_rss_bytes"], 123);
    EXPECT_EQ(line["predicted_tok_s"], 7);
    EXPECT_EQ(line["joules_per_token"], 0.5);
    EXPECT_EQ(line["predicted_peak_bytes"], 456);
    EXPECT_EQ(csv_header(line).find("test,model,"), 0u);
    EXPECT_NE(csv_row(line).find(",\"tiny \"\"x\"\"\","), std::string::npos);
    EXPECT_NE(table_row(line).find(test.name()), std::string::npos);
  }
}
INSTANTIATE_TEST_SUITE_P(Architectures, Speed,
                         testing::Values("deepseek_v3", "deepseek_v2", "qwen2", "qwen3", "llama"));

// Of the step that takes most, also where that is one of the context before it.
TEST(Foretold, ScratchIsWhatARunTakes) {
  for (const char* architecture : {"deepseek_v3", "qwen2"}) {
    const auto config = tiny_config(architecture);
    ASSERT_TRUE(config.has_value());
    for (const SpeedTest& test : speed_tests({40}, {3}, {0, 100}, {1, 2})) {
      const auto backend = make_backend({"cpu", 2, ""});
      ASSERT_TRUE(backend.has_value());
      const auto loaded = make_random_model(*config, **backend, RandomModelOptions());
      ASSERT_TRUE(loaded.has_value()) << loaded.status().message();
      const Model& model = *loaded->model;
      ASSERT_TRUE(run_speed_test(model, **backend, test, Format::f16, 1).has_value());
      MachineSpeed speed;
      speed.read_gb_s = 1;
      EXPECT_EQ(foretell_test(model, test, Format::f16, speed).scratch_bytes,
                (*backend)->scratch_used_max())
          << architecture << " " << test.name();
    }
  }
}

TEST(SpeedPlot, HasAPanelForEachQuestion) {
  const auto line = [](int64_t prompt, int64_t depth, int64_t batch) {
    const SpeedTest test{prompt, prompt > 0 ? 0 : 16, depth, batch};
    SpeedLimits limits;
    limits.read_gb_s = 1;
    limits.peaks.f32.gop_s = 1;
    return speed_line({}, {test, {1, 1, 1}, {Work{1, 1, 1}}, 0, {}, {}}, limits);
  };
  const std::string all = speed_plot({line(64, 0, 1), line(0, 0, 1), line(0, 512, 4)});
  for (const char* text : {"Reading a prompt", "by depth", "by batch", "batch 4", "depth 512"}) {
    EXPECT_NE(all.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(speed_plot({line(0, 0, 1)}).find("Reading"), std::string::npos);
}

TEST(RandomModel, TakesWhatThePlanForetells) {
  const auto backend = make_backend({"reference", 1, ""});
  for (const std::string& architecture : tiny_architectures()) {
    Json config = *tiny_config(architecture);
    RandomModelOptions options;
    options.format = Format::q4_k;
    const auto made = make_random_model(config, **backend, options);
    PlanOptions plan;
    plan.dtype = Format::q4_k;
    EXPECT_EQ(made->weight_bytes, plan_memory(config, plan)->weights.bytes) << architecture;
    options.format = Format::f8_e4m3;
    const auto tiled = make_random_model(config, **backend, options);
    config["quantization_config"] = {{"quant_method", "fp8"}};
    EXPECT_EQ(tiled->weight_bytes, plan_memory(config, {})->weights.bytes) << architecture;
  }
}

}  // namespace
}  // namespace hearth
