// Adapters in the engine: a delta of nothing changes no bit, a delta of something does; memory goes
// with the last answer that needs it; unfused and fused SwiGLU agree; the trace foretells scratch.
#include <gtest/gtest.h>

#include <cstring>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/reference/reference_backend.h"
#include "hearth/backend/trace/trace_backend.h"
#include "hearth/engine/testing.h"
#include "hearth/models/adapters/testing.h"
#include "hearth/models/tiny/random_model.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth {
namespace {

const std::vector<std::string> kEveryTarget = {
    "q_proj",  "k_proj",    "v_proj",    "o_proj",  "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa",
    "lm_head", "kv_b_proj", "gate_proj", "up_proj", "down_proj"};

struct Network {
  Network(const char* architecture, std::unique_ptr<Backend> device, Format format)
      : backend(std::move(device)) {
    RandomModelOptions options;
    options.format = format;
    loaded = *make_random_model(*tiny_config(architecture), *backend, options);
  }
  std::shared_ptr<const Adapter> adapter(const test::RandomAdapter& options) {
    auto made = load_adapter(test::write_random_adapter(folder / "adapter", *loaded.model, options),
                             loaded, *backend);
    CHECK(made.has_value());
    return *std::move(made);
  }
  // Logits of a prompt and of the tokens after it.
  std::vector<float> logits(const std::shared_ptr<const Adapter>& adapter) {
    Engine engine(*loaded.model, *backend, {}, {});
    std::vector<float> out;
    TokenRequest request;
    request.prompt = {3, 1, 4, 1, 5, 9, 2, 6};
    request.max_tokens = 4;
    request.adapter = adapter;
    TokenSink sink;
    sink.on_logits = [&](std::span<const float> row) {
      out.insert(out.end(), row.begin(), row.end());
    };
    CHECK(engine.submit(std::move(request), std::move(sink)).has_value());
    while (!engine.idle()) engine.step();
    return out;
  }

  std::unique_ptr<Backend> backend;
  LoadedModel loaded;
  test::AdapterFolder folder;
};

std::unique_ptr<Backend> cpu(int threads = 1) {
  return std::make_unique<CpuBackend>(threads, *cpu::available_tables().front());
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
}

struct Kind {
  const char* architecture;
  bool reference;
  Format format;
};

class Adapters : public testing::TestWithParam<Kind> {
 protected:
  Network network() const {
    return {GetParam().architecture,
            GetParam().reference ? std::make_unique<ReferenceBackend>() : cpu(2),
            GetParam().format};
  }
};

// B = 0: PEFT's adapters before their training. Not for the expansion of MLA: where the base is
// quantised its maps are rounded once more, and a whole matrix in f32 is not.
TEST_P(Adapters, ADeltaOfNothingChangesNoBit) {
  Network n = network();
  std::vector<std::string> targets = kEveryTarget;
  if (GetParam().format != Format::f32) std::erase(targets, "kv_b_proj");
  const auto nothing = n.adapter({targets, 4, 0, 1});
  EXPECT_TRUE(same_bits(n.logits(nothing), n.logits(nullptr)));
  const auto something = n.adapter({targets, 4, 0.1, 1});
  EXPECT_FALSE(same_bits(n.logits(something), n.logits(nullptr)));
}

INSTANTIATE_TEST_SUITE_P(Models, Adapters,
                         testing::Values(Kind{"qwen2", true, Format::f32},
                                         Kind{"qwen2", false, Format::bf16},
                                         Kind{"llama", false, Format::q4_k},
                                         Kind{"deepseek_v3", true, Format::f32},
                                         Kind{"deepseek_v3", false, Format::f32},
                                         Kind{"deepseek_v3", false, Format::q8_0}),
                         [](const auto& info) {
                           return fmt::format("{}_{}_{}", info.param.architecture,
                                              info.param.reference ? "reference" : "cpu",
                                              format_info(info.param.format).name);
                         });

TEST(AdapterLife, MemoryGoesWithTheLastAnswer) {
  Network n("qwen3", cpu(), Format::bf16);
  auto adapter = n.adapter({kEveryTarget, 4, 0.5, 1});
  const std::weak_ptr<const Adapter> watched = adapter;
  Engine engine(*n.loaded.model, *n.backend, {}, {});
  test::Answer answer;
  TokenRequest request;
  request.prompt = {1, 2, 3};
  request.max_tokens = 6;
  request.adapter = std::move(adapter);
  ASSERT_TRUE(engine.submit(std::move(request), test::into(answer)).has_value());
  engine.step();
  engine.step();
  EXPECT_FALSE(watched.expired()) << "an answer is being written with it";
  while (!engine.idle()) engine.step();
  EXPECT_EQ(answer.tokens.size(), 6u);
  EXPECT_TRUE(watched.expired());
}

// Blocks of one adapter's prompt say nothing about another's, nor about the bare model's.
TEST(AdapterLife, CachedBlocksAreTheAdaptersOwn) {
  Network n("qwen3", cpu(), Format::bf16);
  const auto one = n.adapter({kEveryTarget, 4, 0.5, 1});
  const auto same_again = n.adapter({kEveryTarget, 4, 0.5, 1});
  Engine engine(*n.loaded.model, *n.backend, {}, {});
  const auto cached_with = [&](const std::shared_ptr<const Adapter>& adapter) {
    TokenRequest request;
    request.prompt.assign(130, 7);
    request.max_tokens = 1;
    request.adapter = adapter;
    int64_t cached = -1;
    TokenSink sink;
    sink.on_start = [&](int64_t tokens) { cached = tokens; };
    EXPECT_TRUE(engine.submit(std::move(request), std::move(sink)).has_value());
    while (!engine.idle()) engine.step();
    return cached;
  };
  EXPECT_EQ(cached_with(nullptr), 0);
  EXPECT_EQ(cached_with(one), 0);
  EXPECT_EQ(cached_with(same_again), 0);
  EXPECT_EQ(cached_with(one), 128);
  EXPECT_EQ(cached_with(nullptr), 128);
}

// The memory plan's way of counting: the trace takes what the CPU takes, to the byte.
TEST(AdapterScratch, IsForetoldByTheTrace) {
  for (const char* architecture : {"qwen2", "deepseek_v3"}) {
    SCOPED_TRACE(architecture);
    Network n(architecture, cpu(), Format::q8_0);
    const auto adapter = n.adapter({kEveryTarget, 5, 0.5, 1});
    Batch batch;
    batch.tokens.assign(12, 3);
    batch.sequences = {{0, 7, 0, Role::prompt, {0}}, {7, 5, 0, Role::prompt, {1}}};
    batch.logits_rows = {6, 11};
    TraceBackend trace;
    KvCache cache(n.loaded.model->kv_spec(Format::f16), 2);
    for (Backend* backend : {static_cast<Backend*>(&trace), n.backend.get()}) {
      AdaptedBackend adapted(*backend);
      const AdapterDeltas* deltas[] = {nullptr, &adapter->deltas()};
      adapted.set_adapters(batch, deltas);
      backend->begin_step();
      n.loaded.model->forward(adapted, batch, cache);
    }
    EXPECT_EQ(trace.scratch_used_max(), n.backend->scratch_used_max());
  }
}

}  // namespace
}  // namespace hearth
