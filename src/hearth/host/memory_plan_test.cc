// The plan against the truth: bytes that the loader holds, bytes that the CPU backend takes in a
// step, for every golden checkpoint; and configs of published models, whose weights are not here.
#include "hearth/host/memory_plan.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/backend/make_backend.h"
#include "hearth/models/load.h"
#include "hearth/models/shapes.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> checkpoints() {
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(HEARTH_SOURCE_DIR "/tests/golden")) {
    const fs::path& path = entry.path();
    if (path.filename() == "config.json") paths.push_back(path.parent_path());
    const bool first = path.string().find("-of-") == std::string::npos ||
                       path.string().find("-00001-of-") != std::string::npos;
    const bool adapter = path.string().find("/golden/adapters/") != std::string::npos;
    if (path.extension() == ".gguf" && first && !adapter) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::unique_ptr<Backend> cpu_backend() {
  BackendOptions options;
  options.device = "cpu";
  auto backend = make_backend(options);
  EXPECT_TRUE(backend.has_value());
  return *std::move(backend);
}

// Sequences of `rows` rows each at `start`, with blocks, so that a real backend can run it.
Batch batch_of(int64_t sequences, int64_t rows, int64_t start, Role role) {
  Batch batch;
  int32_t next_block = 0;
  for (int64_t s = 0; s < sequences; ++s) {
    SequenceRows part{s * rows, rows, start, role, {}};
    for (int64_t p = 0; p < part.end(); p += kKvBlockTokens) part.blocks.push_back(next_block++);
    for (int64_t i = 0; i < rows; ++i) batch.tokens.push_back(static_cast<int32_t>((s + i) % 8));
    batch.logits_rows.push_back(part.first_row + rows - 1);
    batch.sequences.push_back(part);
  }
  return batch;
}

class Plan : public testing::TestWithParam<std::string> {};

TEST_P(Plan, ForetellsWeightsAndScratchToTheByte) {
  const auto checkpoint = Checkpoint::open(GetParam());
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  for (const std::optional<Format> dtype :
       {std::optional<Format>(), std::optional(Format::f32), std::optional(Format::q8_0)}) {
    PlanOptions options;
    options.dtype = dtype;
    options.context = 100;
    const auto plan = plan_memory(*checkpoint, options);
    ASSERT_TRUE(plan.has_value()) << plan.status().message();
    const auto backend = cpu_backend();
    LoadOptions load;
    load.dtype = dtype;
    const auto loaded = load_model(*checkpoint, *backend, load);
    ASSERT_TRUE(loaded.has_value()) << loaded.status().message();
    EXPECT_EQ(plan->weights.bytes, loaded->weight_bytes);
    EXPECT_EQ(plan->parameters, loaded->parameters);

    const Model& model = *loaded->model;
    KvCache cache(model.kv_spec(options.kv_format), ceil_div(options.context, kKvBlockTokens));
    EXPECT_EQ(plan->kv_bytes, cache.spec().block_bytes() * cache.blocks());
    backend->begin_step();
    model.forward(*backend, batch_of(1, 99, 0, Role::prompt), cache);
    EXPECT_EQ(plan->activation_bytes, backend->scratch_used_max());
  }
}

// Each step on its own: any mix of rows takes what the trace says, prompt or generated.
TEST_P(Plan, TracesEveryStepToTheByte) {
  const auto checkpoint = Checkpoint::open(GetParam());
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  for (const Batch& batch :
       {batch_of(1, 1, 5, Role::generated), batch_of(3, 1, 70, Role::generated),
        batch_of(1, 17, 0, Role::prompt), batch_of(2, 33, 60, Role::prompt)}) {
    const auto backend = cpu_backend();
    const auto loaded = load_model(*checkpoint, *backend, {});
    ASSERT_TRUE(loaded.has_value()) << loaded.status().message();
    KvCache cache(loaded->model->kv_spec(Format::f32), 8);
    backend->begin_step();
    loaded->model->forward(*backend, batch, cache);
    const TracedSteps traced = trace_step(*loaded->model, cache.spec(), batch);
    EXPECT_EQ(traced.scratch_bytes, backend->scratch_used_max());
    EXPECT_EQ(traced.rows, batch.rows());
  }
}

// What the forecast of the speed counts beside bytes and products, in the bundled model's layers.
TEST(Trace, TellsRoundingsNormsAndWhatMlaDoes) {
  const auto checkpoint = Checkpoint::open(HEARTH_SOURCE_DIR "/assets/mini");
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  const auto backend = cpu_backend();
  LoadOptions load;
  load.dtype = Format::q8_0;
  const auto loaded = load_model(*checkpoint, *backend, load);
  ASSERT_TRUE(loaded.has_value()) << loaded.status().message();
  const auto traced = [&](const Batch& batch, std::string_view verb) {
    const auto verbs = trace_step(*loaded->model, loaded->model->kv_spec(Format::f16), batch).verbs;
    const auto found = std::ranges::find(verbs, verb, &TracedVerb::verb);
    EXPECT_NE(found, verbs.end()) << verb;
    return *found;
  };
  const Batch prompt = batch_of(1, 20, 10, Role::prompt);
  const TracedVerb normed = traced(prompt, "norm_linear");
  EXPECT_EQ(normed.normed, 20 * 256);
  EXPECT_EQ(normed.rounded, 20 * 256);
  const TracedVerb added = traced(prompt, "linear_add");
  EXPECT_EQ(added.normed, 0);
  EXPECT_EQ(added.rounded, static_cast<double>(added.in.elements()));
  const TracedVerb attends = traced(prompt, "attend_mla");
  EXPECT_EQ(attends.heads, 4);
  EXPECT_EQ(attends.pairs, 4 * (20 * 10 + 20 * 21 / 2));
  EXPECT_FALSE(attends.alone);
  const TracedVerb one = traced(batch_of(1, 1, 10, Role::generated), "attend_mla");
  EXPECT_EQ(one.pairs, 4 * 11);
  EXPECT_TRUE(one.alone);
  EXPECT_FALSE(traced(batch_of(8, 1, 10, Role::generated), "attend_mla").alone);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Plan, testing::ValuesIn(checkpoints()), [](const auto& info) {
  std::string name = fs::path(info.param).stem();
  for (char& c : name) c = std::isalnum(c) ? c : '_';
  return name;
});

// With routed experts on disk: what stays in memory, what the cache would hold, what a step takes.
TEST_P(Plan, ForetellsExpertsOnDiskToTheByte) {
  const auto checkpoint = Checkpoint::open(GetParam());
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  PlanOptions options;
  options.context = 100;
  const auto whole = plan_within(*checkpoint, options, INT64_MAX);
  ASSERT_TRUE(whole.has_value()) << whole.status().message();
  EXPECT_EQ(whole->experts.count, 0);
  options.expert_memory = int64_t{1} << 40;
  const auto plan = plan_within(*checkpoint, options, 0);
  if (!plan) {
    EXPECT_EQ(plan.status().code(), Code::invalid);
    EXPECT_NE(plan.status().message().find("expected a model with routed experts"),
              std::string::npos);
    return;
  }
  EXPECT_EQ(plan->experts.cache_bytes, plan->experts.held_bytes);  // no larger than all of them
  BackendOptions cpu;
  cpu.device = "cpu";
  cpu.experts.bytes = plan->experts.cache_bytes;
  const auto backend = make_backend(cpu);
  ASSERT_TRUE(backend.has_value());
  LoadOptions load;
  load.experts_from_disk = true;
  const auto loaded = load_model(*checkpoint, **backend, load);
  ASSERT_TRUE(loaded.has_value()) << loaded.status().message();
  EXPECT_EQ(plan->weights.bytes, loaded->weight_bytes);
  EXPECT_EQ(plan->experts.stored_bytes, loaded->disk_bytes);
  EXPECT_EQ(plan->weights.bytes + plan->experts.stored_bytes, whole->weights.bytes);
  const Model& model = *loaded->model;
  KvCache cache(model.kv_spec(options.kv_format), ceil_div(options.context, kKvBlockTokens));
  (*backend)->begin_step();
  const auto out =
      (*backend)->end_forward(model.forward(**backend, batch_of(1, 99, 0, Role::prompt), cache));
  ASSERT_TRUE(out.has_value()) << out.status().message();
  EXPECT_EQ(plan->activation_bytes, (*backend)->scratch_used_max());
  const ExpertCacheStats stats = (*backend)->expert_cache_stats();
  EXPECT_EQ(stats.experts, plan->experts.count);
  EXPECT_EQ(stats.expert_bytes, plan->experts.held_bytes);
  EXPECT_LE(stats.held_bytes, stats.budget_bytes);
  EXPECT_EQ(plan->peak_bytes(), plan->weights.resident_bytes() + plan->kv_bytes +
                                    plan->activation_bytes + plan->experts.cache_bytes +
                                    plan->experts.room_bytes);
}

// The layer for multi-token prediction: its weights, its part of the KV cache, its scratch, and the
// states that it reads.
TEST(PlanOfMtp, ForetellsTheLayerToTheByte) {
  const auto checkpoint = Checkpoint::open(HEARTH_SOURCE_DIR "/tests/golden/deepseek_v3_mtp");
  ASSERT_TRUE(checkpoint.has_value()) << checkpoint.status().message();
  PlanOptions options;
  options.context = 100;
  const auto without = plan_memory(*checkpoint, options);
  options.mtp = true;
  const auto plan = plan_memory(*checkpoint, options);
  ASSERT_TRUE(plan.has_value() && without.has_value());
  EXPECT_TRUE(plan->mtp);
  EXPECT_FALSE(without->mtp);
  EXPECT_EQ(plan->kv_bytes * 2, without->kv_bytes * 3) << "two layers, and one more";

  const auto backend = cpu_backend();
  LoadOptions load;
  load.hints.mtp = true;
  const auto loaded = load_model(*checkpoint, *backend, load);
  ASSERT_TRUE(loaded.has_value()) << loaded.status().message();
  EXPECT_EQ(plan->weights.bytes, loaded->weight_bytes);
  EXPECT_EQ(plan->parameters, loaded->parameters);
  const Model& model = *loaded->model;
  KvCache cache(model.kv_spec(options.kv_format), 2);
  const Shape states = {options.batch_tokens_max, model.info().hidden_size};
  cache.keep_states(states, host_memory(states.elements() * 4));
  const Batch batch = batch_of(1, 99, 0, Role::prompt);
  backend->begin_step();
  model.forward(*backend, batch, cache);
  backend->begin_step();
  model.forward_mtp(*backend, batch, std::vector<int64_t>(99), cache);
  EXPECT_EQ(plan->activation_bytes, backend->scratch_used_max() + states.elements() * 4);
}

Json config_of(const std::string& name) {
  const std::string path = HEARTH_SHARED_DIR "/fixtures/configs/hf/" + name + "_config.json";
  if (!fs::exists(path)) return {};
  auto config = read_json_file(path);
  EXPECT_TRUE(config.has_value());
  return *std::move(config);
}

// 70.55e9 parameters, two bytes each; a token's keys and values are 80 layers of 2 * 8 * 128.
TEST(PlanOfConfig, Llama70B) {
  const Json config = config_of("meta-llama--Meta-Llama-3.1-70B");
  if (config.is_null()) GTEST_SKIP() << "no shared fixtures";
  const auto plan = plan_memory(config, {});
  ASSERT_TRUE(plan.has_value()) << plan.status().message();
  EXPECT_EQ(plan->parameters, 70553706496);
  EXPECT_EQ(plan->weights.bytes, 2 * 70553706496 + 2 * 161 * 8192);  // 161 norms become f32
  EXPECT_EQ(plan->kv_bytes, int64_t{80} * 2 * 8 * 128 * 2 * 4096);
  // Each weight but the embedding's is read once for a token.
  EXPECT_NEAR(static_cast<double>(plan->decode.work.weight_bytes), 139.0e9, 0.1e9);
  EXPECT_NEAR(plan->decode.work.flops, 2 * 69.5e9, 2e9);  // attention to 512 positions included
}

// 671e9 parameters with 37e9 active for a token (DeepSeek-V3 report); Kimi-K2: 1.03e12 and 32e9.
TEST(PlanOfConfig, ActiveExperts) {
  const Json config = config_of("moonshotai--Kimi-K2-Instruct");
  if (config.is_null()) GTEST_SKIP() << "no shared fixtures";
  const auto plan = plan_memory(config, {});
  ASSERT_TRUE(plan.has_value()) << plan.status().message();
  EXPECT_NEAR(static_cast<double>(plan->parameters), 1.026e12, 0.005e12);
  EXPECT_EQ(plan->main_format, Format::f8_e4m3);
  EXPECT_NEAR(plan->decode.work.flops, 2 * 32e9, 6e9);
}

MemoryPlan llama_like() {
  MemoryPlan plan;
  plan.context = 8192;
  plan.weights.bytes = 16'000'000'000;
  plan.smaller = {{Format::q8_0, 8'500'000'000, 0, 2'000'000'000},
                  {Format::q4_k, 4'500'000'000, 0, 2'000'000'000}};
  plan.kv_block_bytes = 64 * 131072;
  plan.kv_bytes = 128 * plan.kv_block_bytes;
  plan.activation_bytes = 500'000'000;
  return plan;
}

// 11.5e9 parameters beside the shared embedding and head (README_WEIGHTS.md of DeepSeek-V3).
TEST(PlanOfConfig, TheLayerForMultiTokenPrediction) {
  Json config = *shape_config("deepseek-v3");
  config["num_nextn_predict_layers"] = 1;
  PlanOptions options;
  const auto without = plan_memory(config, options);
  options.mtp = true;
  const auto plan = plan_memory(config, options);
  ASSERT_TRUE(plan.has_value() && without.has_value());
  EXPECT_NEAR(static_cast<double>(plan->parameters - without->parameters), 11.5e9, 0.2e9);
  EXPECT_NEAR(static_cast<double>(without->parameters), 671e9, 1e9);
}

TEST(CheckFits, NamesWhatWouldFit) {
  const MemoryPlan plan = llama_like();
  EXPECT_TRUE(check_fits(plan, plan.peak_bytes()).is_ok());
  const Status shorter = check_fits(plan, plan.peak_bytes() - 1);
  EXPECT_EQ(shorter.code(), Code::no_memory);
  EXPECT_EQ(shorter.message(),
            "needs 17.6 GB of memory (weights 16.0 GB, KV cache 1.1 GB, activations 500.0 MB), "
            "17.6 GB are available; --ctx 8128 would fit");
  EXPECT_NE(check_fits(plan, 11'000'000'000).message().find("--dtype q8_0 would fit with 10.5 GB"),
            std::string::npos);
  EXPECT_NE(check_fits(plan, 6'600'000'000).message().find("--dtype q4_k would fit with 6.5 GB"),
            std::string::npos);
  EXPECT_NE(check_fits(plan, 1'000'000'000).message().find("choose a smaller model"),
            std::string::npos);
}

TEST(ExpectedExperts, BetweenChosenAndAll) {
  EXPECT_EQ(expected_experts(256, 8, 1), 8);
  EXPECT_EQ(expected_experts(256, 8, 1000), 256);
  EXPECT_EQ(expected_experts(4, 4, 1), 4);
  EXPECT_GT(expected_experts(256, 8, 16), 80);
  EXPECT_LT(expected_experts(256, 8, 16), 128);
}

// R1 as published in 4 bits, on machines of growing size: refused, then experts from disk with more
// and more of them cached, then all in memory.
TEST(PlanWithin, LeavesExpertsOnDiskOnlyWhereItHelps) {
  auto config = shape_config("deepseek-v3");
  ASSERT_TRUE(config.has_value());
  (*config)["quantization_config"] = {{"quant_method", "fp8"}};
  PlanOptions options;
  options.dtype = Format::q4_k;
  options.context = 4096;
  int64_t cached = 0;
  for (const int64_t gigabytes : {8, 32, 64, 128, 256}) {
    const int64_t available = gigabytes * 1'000'000'000;
    const auto plan = plan_within(*config, options, available);
    ASSERT_TRUE(plan.has_value()) << plan.status().message();
    const Status fits = check_fits(*plan, available);
    EXPECT_EQ(fits.is_ok(), gigabytes > 16) << fits.message();
    ASSERT_GT(plan->experts.count, 0);
    EXPECT_EQ(plan->experts.count, 58 * 256);
    EXPECT_GE(plan->experts.cache_bytes, plan->expert_memory_least());
    EXPECT_GE(plan->experts.cache_bytes, cached);
    cached = plan->experts.cache_bytes;
    // A token reads 8 of 256 experts of 58 layers, as far as they are not cached.
    const double all = 58.0 * 8 * static_cast<double>(plan->experts.stored_bytes) / (58 * 256);
    EXPECT_NEAR(static_cast<double>(plan->disk_bytes(plan->decode)),
                all * plan->experts.miss_rate(), all * 0.01);
  }
  const auto large = plan_within(*config, options, 2'000'000'000'000);
  ASSERT_TRUE(large.has_value());
  EXPECT_EQ(large->experts.count, 0);
  options.experts_may_stay = false;
  const auto kept = plan_within(*config, options, 64'000'000'000);
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->experts.count, 0);
  EXPECT_FALSE(check_fits(*kept, 64'000'000'000).is_ok());
}

}  // namespace
}  // namespace hearth
