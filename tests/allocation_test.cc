// After warm-up a step allocates nothing, whether it decodes or computes prompts beside answers:
// not in the engine, not in the scheduler, not in the verbs of the CPU backend. This binary
// replaces operator new to count.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "golden_run.h"
#include "hearth/guard/watermark/contexts.h"
#include "hearth/models/adapters/testing.h"
#include "hearth/models/tiny/random_model.h"
#include "hearth/models/tiny/tiny.h"

namespace {
std::atomic<int64_t> allocations{0};

void* counted(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size ? size : 1)) return p;
  std::abort();
}
}  // namespace

void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete[](void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  std::free(p);
}

namespace hearth::golden {
namespace {

// An endless answer of token `id`.
TokenRequest request_of(int32_t id, int64_t prompt_tokens, int64_t& tokens, TokenSink& sink) {
  TokenRequest request;
  request.prompt.assign(static_cast<size_t>(prompt_tokens), id);
  request.max_tokens = 120;
  sink.on_token = [&tokens](int32_t) {
    ++tokens;
    return true;
  };
  return request;
}

// What the steps allocate until there are so many more tokens.
int64_t allocations_of(Engine& engine, const int64_t& tokens, int64_t until) {
  const int64_t before = allocations.load();
  while (tokens < until) engine.step();
  return allocations.load() - before;
}

// Three sequences of one model decode together across borders of KV blocks: they take new ones and
// publish full ones on the way.
void expect_no_allocations(const std::string& name, const SamplingParams& sampling,
                           const TokenMask& mask = {}, KeyedDraw (*keyed)() = nullptr) {
  SCOPED_TRACE(name);
  for (const int threads : {1, 2}) {
    CpuBackend backend(threads, *cpu::available_tables().front());
    const auto opened = open_model(kDirectory + "/" + name, backend);
    ASSERT_TRUE(opened);
    EngineOptions options;
    options.context = 200;
    options.kv_blocks = 16;
    Engine engine(*opened->loaded.model, backend, options, {});
    int64_t tokens = 0;
    for (int32_t i = 0; i < 3; ++i) {
      TokenRequest request;
      request.prompt.assign(static_cast<size_t>(40 + i), 5 + i);
      request.max_tokens = 120;
      request.sampling = sampling;
      request.mask = mask;
      if (keyed) request.keyed = keyed();
      TokenSink sink;
      sink.on_token = [&](int32_t) {
        ++tokens;
        return true;
      };
      ASSERT_TRUE(engine.submit(std::move(request), std::move(sink)).has_value());
    }
    // Warm-up: the prompts, the merge of the arena's chunks, every thread's first turn.
    while (tokens < 3 * 15) engine.step();
    const int64_t before = allocations.load();
    while (tokens < 3 * 100) engine.step();
    const int64_t made = allocations.load() - before;
    testing::Test::RecordProperty(fmt::format("allocations_{}_threads", threads),
                                  std::to_string(made));
    // A worker that slept through the warm-up sizes its own scratch on its first turn: a few times,
    // never in proportion to the 85 steps.
    if (threads == 1) {
      EXPECT_EQ(made, 0);
    } else {
      EXPECT_LT(made, 40);
    }
  }
}

// A cache of another format, and rows that go through an adapter beside one that doesn't.
TEST(Allocation, DecodeStepsOfAnyCacheAndAdaptersMakeNone) {
  for (const char* name : {"deepseek_v3", "qwen3"}) {
    for (const Format format : {Format::f16, Format::bf16, Format::q8_0}) {
      SCOPED_TRACE(fmt::format("{}, format {}", name, static_cast<int>(format)));
      CpuBackend backend(1, *cpu::available_tables().front());
      auto made = make_random_model(*tiny_config(name), backend, {});
      ASSERT_TRUE(made.has_value()) << made.status().message();
      const LoadedModel loaded = *std::move(made);
      const hearth::test::AdapterFolder folder;
      const hearth::test::RandomAdapter wanted{{"o_proj", "down_proj", "gate_proj"}, 4, 0.5, 1};
      const auto adapter = load_adapter(
          hearth::test::write_random_adapter(folder / "a", *loaded.model, wanted), loaded, backend);
      ASSERT_TRUE(adapter.has_value()) << adapter.status().message();
      EngineOptions options;
      options.context = 200;
      options.kv_blocks = 16;
      options.kv_format = format;
      Engine engine(*loaded.model, backend, options, {});
      int64_t tokens = 0;
      for (int32_t i = 0; i < 3; ++i) {
        TokenSink sink;
        TokenRequest request = request_of(5 + i, 40 + i, tokens, sink);
        if (i > 0) request.adapter = *adapter;
        ASSERT_TRUE(engine.submit(std::move(request), std::move(sink)).has_value());
      }
      allocations_of(engine, tokens, 3 * 15);
      EXPECT_EQ(allocations_of(engine, tokens, 3 * 100), 0);
    }
  }
}

// A long prompt comes piece by piece beside answers: behind its first pieces, none of the others
// allocates.
TEST(Allocation, PiecesOfAPromptBesideAnswersMakeNone) {
  for (const char* name : {"deepseek_v3", "qwen3"}) {
    SCOPED_TRACE(name);
    CpuBackend backend(1, *cpu::available_tables().front());
    const auto opened = open_model(kDirectory + "/" + name, backend);
    ASSERT_TRUE(opened);
    EngineOptions options;
    options.context = 200;
    options.kv_blocks = 16;
    options.limits.batch_tokens_max = 4;
    options.limits.prefix_cache = false;
    Engine engine(*opened->loaded.model, backend, options, {});
    int64_t tokens = 0, late = 0, computed = 0;
    for (int32_t i = 0; i < 2; ++i) {
      TokenSink sink;
      TokenRequest request = request_of(5 + i, 9, tokens, sink);
      ASSERT_TRUE(engine.submit(std::move(request), std::move(sink)).has_value());
    }
    // The first prompt of this length warms up what the second one meets.
    for (const bool warm : {false, true}) {
      TokenSink sink;
      TokenRequest request = request_of(7, 60, late, sink);
      request.max_tokens = 1;
      sink.on_prompt = [&computed](int64_t done) { computed = done; };
      ASSERT_TRUE(engine.submit(std::move(request), std::move(sink)).has_value());
      const int64_t begun = tokens;
      engine.step();  // takes it in
      const int64_t before = allocations.load();
      while (computed < 50) engine.step();
      if (warm) {
        EXPECT_EQ(allocations.load() - before, 0);
      }
      EXPECT_GE(tokens - begun, 20) << "no answers ran beside it";
      while (late == 0) engine.step();
      late = computed = 0;
    }
  }
}

// Of one answer, that is all marked.
KeyedDraw by_a_key() {
  auto contexts = std::make_shared<watermark::Contexts>(watermark::kWindowDefault);
  return [contexts, read = size_t{0}](std::span<const int32_t> answer,
                                      std::span<const int32_t> /*guesses*/) mutable {
    while (read < answer.size()) contexts->take(answer[read++]);
    const auto& here = contexts->here();
    return here ? std::optional(KeyedPlace{here->under({1, 2}), 2}) : std::nullopt;
  };
}

SamplingParams at_temperature(double temperature) {
  SamplingParams p;
  p.temperature = temperature;
  return p;
}

TEST(Allocation, DecodeStepsOfLatentAttentionAndExpertsMakeNone) {
  expect_no_allocations("deepseek_v3", at_temperature(0));
}

TEST(Allocation, DecodeStepsOfGroupedAttentionMakeNone) {
  expect_no_allocations("qwen3", at_temperature(0));
}

TEST(Allocation, DecodeStepsOfScaledFp8MakeNone) {
  expect_no_allocations("deepseek_v3_fp8", at_temperature(0));
}

TEST(Allocation, SamplingWithoutFiltersMakesNone) {
  expect_no_allocations("llama", at_temperature(0.8));
}

TEST(Allocation, SamplingWithEverythingMakesNone) {
  SamplingParams p = at_temperature(0.8);
  p.repetition_penalty = 1.1;
  p.presence_penalty = 0.5;
  p.logit_bias = {{3, 1}, {4, -5}};
  const TokenMask mask = [](std::span<const int32_t>, std::span<uint8_t> banned) {
    banned[9] = 1;
    return Status::ok();
  };
  p.top_p = 0.95;
  expect_no_allocations("llama", p, mask);
  p.top_k = 20;
  p.min_p = 0.01;
  expect_no_allocations("llama", p, mask);
}

TEST(Allocation, DrawsByAKeyMakeNone) {
  for (const double temperature : {0.0, 0.8}) {
    expect_no_allocations("llama", at_temperature(temperature), {}, by_a_key);
    SamplingParams p = at_temperature(temperature);
    p.top_p = 0.95;
    p.repetition_penalty = 1.1;
    expect_no_allocations("llama", p, {}, by_a_key);
  }
}

// The counter counts: a test that measures nothing would pass, too.
TEST(Allocation, TheCounterCounts) {
  const int64_t before = allocations.load();
  auto kept = std::make_unique<std::vector<int>>(100);
  EXPECT_GE(allocations.load() - before, 2);
}

}  // namespace
}  // namespace hearth::golden
