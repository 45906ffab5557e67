// The promise of the engine on random schedules: whatever arrives beside a request, is cancelled,
// goes first, has another adapter, shares its blocks or takes them away, and whatever is guessed of
// it, its logits and tokens, or its hidden states, are bit by bit those that it gets alone, from an
// engine without a cache and without guesses. Latent and grouped attention, and the bundled model;
// each format of the KV cache.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <string>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/engine/ngram_drafter.h"
#include "hearth/engine/testing.h"
#include "hearth/models/adapters/testing.h"
#include "hearth/models/load.h"
#include "hearth/models/tiny/random_model.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth {
namespace {

// "mini", an architecture with random weights, or deepseek_v3 with its layer that guesses.
struct Network {
  explicit Network(const std::string& name) : backend(1, *cpu::available_tables().front()) {
    if (name == "mini") {
      load(HEARTH_SOURCE_DIR "/assets/mini");
    } else if (name == "deepseek_v3_mtp") {
      TinyOptions options;
      options.architecture = "deepseek_v3";
      options.mtp = true;
      CHECK(write_tiny(folder / name, options).has_value());
      load(folder / name);
    } else {
      loaded = *make_random_model(*tiny_config(name), backend, {});
    }
  }
  void load(const std::string& path) {
    auto opened = Checkpoint::open(path);
    CHECK(opened.has_value());
    checkpoint = std::make_unique<Checkpoint>(*std::move(opened));
    LoadOptions options;
    options.hints.mtp = true;
    loaded = *load_model(*checkpoint, backend, options);
  }
  const Model& model() const { return *loaded.model; }
  std::shared_ptr<const Adapter> adapter(const test::RandomAdapter& options) {
    const std::string path = folder / std::to_string(written++);
    auto made = load_adapter(test::write_random_adapter(path, model(), options), loaded, backend);
    CHECK(made.has_value());
    return *std::move(made);
  }
  // None, twice; two that change other weights; one that changes MLA's expansion, where there is
  // one.
  std::vector<std::shared_ptr<const Adapter>> some_adapters() {
    return {nullptr, nullptr,
            adapter({{"q_proj", "v_proj", "q_b_proj", "up_proj", "lm_head"}, 4, 0.5, 1}),
            adapter({{"k_proj", "q_a_proj", "o_proj", "gate_proj", "down_proj"}, 9, 0.5, 2}),
            adapter({{"o_proj", "kv_b_proj", "kv_a_proj_with_mqa"}, 2, 0.5, 3})};
  }

  CpuBackend backend;
  test::AdapterFolder folder;
  int written = 0;
  std::unique_ptr<Checkpoint> checkpoint;
  LoadedModel loaded;
};

struct Answer : test::Answer {
  std::vector<std::vector<float>> logits;  // of each token
  std::vector<std::vector<float>> states;  // where hidden states were asked for
  int64_t cached_tokens = -1;
};

TokenSink into(Answer& answer) {
  TokenSink sink = test::into(answer);
  sink.on_start = [&answer](int64_t cached) {
    EXPECT_EQ(answer.cached_tokens, -1) << "started twice";
    answer.cached_tokens = cached;
  };
  sink.on_token_logits = [&answer](std::span<const float> row) {
    answer.logits.emplace_back(row.begin(), row.end());
  };
  sink.on_hidden = [&answer](std::span<const float> row) {
    answer.states.emplace_back(row.begin(), row.end());
  };
  return sink;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

Answer alone(Network& n, const TokenRequest& request, Format kv_format = Format::f16) {
  EngineOptions options;
  options.kv_format = kv_format;
  options.context = 512;
  options.limits.prefix_cache = false;
  Engine engine(n.model(), n.backend, options, {});
  Answer answer;
  const auto id = engine.submit(request, into(answer));
  EXPECT_TRUE(id.has_value()) << id.status().message();
  while (!engine.idle()) engine.step();
  return answer;
}

struct Random {
  std::mt19937 generator;
  int64_t below(int64_t n) { return static_cast<int64_t>(generator() % static_cast<uint64_t>(n)); }
};

// Prompts with beginnings in common and without.
std::vector<TokenRequest> random_requests(
    Random& random, int64_t vocab, int count,
    const std::vector<std::shared_ptr<const Adapter>>& adapters) {
  std::vector<int32_t> common(200);
  for (int32_t& id : common) id = static_cast<int32_t>(random.below(vocab));
  std::vector<TokenRequest> requests(static_cast<size_t>(count));
  for (TokenRequest& r : requests) {
    const int64_t shared = random.below(4) ? kKvBlockTokens + random.below(36) : random.below(64);
    r.prompt.assign(common.begin(), common.begin() + shared);
    const int64_t own = 1 + random.below(40);
    for (int64_t i = 0; i < own; ++i) r.prompt.push_back(static_cast<int32_t>(random.below(vocab)));
    r.max_tokens = 1 + random.below(200);
    r.priority = static_cast<int32_t>(random.below(3));
    r.scope.tenant = static_cast<uint64_t>(random.below(4) / 3);
    r.adapter = adapters[static_cast<size_t>(random.below(static_cast<int64_t>(adapters.size())))];
    r.sampling.temperature = random.below(2) ? 0 : 0.9;
    r.sampling.top_p = random.below(2) ? 1 : 0.8;
    r.sampling.repetition_penalty = random.below(3) ? 1 : 1.2;
    r.sampling.seed = random.generator();
  }
  return requests;
}

// What came is the beginning of what comes alone; all of it, unless it was cancelled.
void expect_same(const Answer& found, const Answer& expected, size_t skipped = 0) {
  ASSERT_TRUE(found.reason.has_value()) << "never finished";
  const bool cancelled = *found.reason == FinishReason::cancelled;
  if (!cancelled) {
    EXPECT_EQ(found.reason, expected.reason);
    EXPECT_EQ(found.tokens.size() + skipped, expected.tokens.size());
    EXPECT_EQ(found.states.size(), expected.states.size());
  }
  ASSERT_LE(found.states.size(), expected.states.size());
  for (size_t i = 0; i < found.states.size(); ++i) {
    ASSERT_TRUE(same_bits(found.states[i], expected.states[i])) << "state " << i;
  }
  ASSERT_LE(found.tokens.size() + skipped, expected.tokens.size());
  for (size_t i = 0; i < found.tokens.size(); ++i) {
    ASSERT_EQ(found.tokens[i], expected.tokens[i + skipped]) << "token " << i;
    ASSERT_TRUE(same_bits(found.logits[i], expected.logits[i + skipped])) << "logits " << i;
  }
}

void expect_exact_accounts(const Engine& engine) {
  const SchedulerStats s = engine.stats();
  ASSERT_EQ(s.blocks_held + s.blocks_cached + s.blocks_free, s.blocks_total);
}

EngineOptions random_options(Random& random) {
  EngineOptions options;
  options.context = 512;
  options.kv_blocks = 6 + random.below(2);
  options.limits.batch_tokens_max = 8 + random.below(100);
  options.limits.sequences_max = 3 + random.below(6);
  options.limits.prefix_cache = random.below(3) != 0;
  options.limits.reserve = random.below(5) ? Reserve::prompt : Reserve::full;
  return options;
}

// Knows how the answers go on and says so, but for one guess in five.
class Oracle : public Drafter {
 public:
  Oracle(const std::vector<std::vector<int32_t>>& texts, uint32_t seed)
      : texts_(texts), random_{std::mt19937(seed)} {}

  void draft(std::span<const int32_t> tokens, int64_t count,
             std::vector<int32_t>& drafts) override {
    drafts.clear();
    for (const std::vector<int32_t>& text : texts_) {
      if (text.size() < tokens.size() ||
          !std::ranges::equal(tokens, std::span(text).first(tokens.size()))) {
        continue;
      }
      for (size_t i = tokens.size(); i < text.size() && count > 0; ++i, --count) {
        drafts.push_back(random_.below(5) ? text[i] : 3);
      }
      return;
    }
    drafts.assign(static_cast<size_t>(count), 5);  // after the end of an answer, say
  }

 private:
  const std::vector<std::vector<int32_t>>& texts_;
  Random random_;
};

// None, by repetition, by somebody who knows, by the model's own layer, or by another model, here
// the same.
void add_drafter(EngineOptions& options, Random& random, const Model& model,
                 const std::vector<std::vector<int32_t>>& texts) {
  const auto seed = static_cast<uint32_t>(random.generator());
  options.drafts_always = random.below(4) != 0;
  options.drafts_max = 1 + random.below(8);
  options.mtp = model.has_mtp() && random.below(2) == 0;
  if (options.mtp) return;
  switch (random.below(4)) {
    case 0:
      return;
    case 3:
      options.draft_model = &model;
      return;
    case 1:
      options.make_drafter = [] { return std::make_unique<NgramDrafter>(); };
      return;
    default:
      options.make_drafter = [&texts, seed] { return std::make_unique<Oracle>(texts, seed); };
  }
}

// What one schedule gave.
struct Outcome {
  std::vector<Answer> answers;
  size_t widest = 0;  // most answers that one step went on with
  SchedulerStats stats;
  DraftStats drafts;
};

// Requests arrive at random, about arrivals - 1 a step, and few are cancelled, while the engine
// steps on `backend`.
Outcome run_schedule(Network& n, Backend& backend, const EngineOptions& options,
                     const std::vector<TokenRequest>& requests, int64_t arrivals, Random& random) {
  Outcome out;
  Engine engine(n.model(), backend, options, {});
  out.answers.resize(requests.size());
  std::vector<int64_t> ids;
  std::vector<size_t> before(requests.size());
  while (ids.size() < requests.size() || !engine.idle()) {
    while (ids.size() < requests.size() && random.below(arrivals)) {
      const auto id = engine.submit(requests[ids.size()], into(out.answers[ids.size()]));
      CHECK(id.has_value());
      ids.push_back(*id);
    }
    if (!ids.empty() && random.below(60) == 0) {
      engine.cancel(ids[static_cast<size_t>(random.below(static_cast<int64_t>(ids.size())))]);
    }
    engine.step();
    expect_exact_accounts(engine);
    size_t went_on = 0;
    for (size_t i = 0; i < before.size(); ++i) {
      const size_t tokens = out.answers[i].tokens.size();
      went_on += tokens > std::exchange(before[i], tokens) ? 1 : 0;
    }
    out.widest = std::max(out.widest, went_on);
  }
  EXPECT_EQ(engine.stats().blocks_held, 0);
  out.stats = engine.stats();
  out.drafts = engine.draft_stats();
  return out;
}

// Requests, what each gets alone, and both as one text each, for who guesses.
struct Expected {
  Expected(Network& n, std::vector<TokenRequest> asked, Format kv_format = Format::f16)
      : requests(std::move(asked)) {
    for (const TokenRequest& r : requests) {
      answers.push_back(alone(n, r, kv_format));
      texts.push_back(r.prompt);
      texts.back().insert(texts.back().end(), answers.back().tokens.begin(),
                          answers.back().tokens.end());
    }
  }
  void hold(const Outcome& found) const {
    for (size_t i = 0; i < answers.size(); ++i) {
      SCOPED_TRACE(i);
      ASSERT_NO_FATAL_FAILURE(expect_same(found.answers[i], answers[i]));
    }
  }

  std::vector<TokenRequest> requests;
  std::vector<Answer> answers;
  std::vector<std::vector<int32_t>> texts;
};

class Schedules : public testing::TestWithParam<const char*> {};

TEST_P(Schedules, EveryRequestGetsTheBitsItGetsAlone) {
  Network n(GetParam());
  Random random{std::mt19937(11)};
  auto requests = random_requests(random, n.model().info().vocab_size, 18, n.some_adapters());
  requests[2].hidden = requests[11].hidden = Hidden::every;
  requests[5].hidden = requests[14].hidden = Hidden::last;
  std::map<Format, Expected> by_format;
  for (const Format format : {Format::f16, Format::bf16, Format::q8_0}) {
    by_format.emplace(format, Expected(n, requests, format));
  }
  SchedulerStats total;
  DraftStats drafts;
  for (int schedule = 0; schedule < 9; ++schedule) {
    SCOPED_TRACE(schedule);
    EngineOptions options = random_options(random);
    options.kv_format = std::next(by_format.begin(), schedule % 3)->first;
    const Expected& expected = by_format.at(options.kv_format);
    if (schedule % 4 == 3) options.step_seconds_max = 1e-9;  // chunks as small as may be
    add_drafter(options, random, n.model(), expected.texts);
    const Outcome found = run_schedule(n, n.backend, options, expected.requests, 2, random);
    ASSERT_NO_FATAL_FAILURE(expected.hold(found));
    total.preemptions += found.stats.preemptions;
    total.cached_tokens += found.stats.cached_tokens;
    drafts.drafted += found.drafts.drafted;
    drafts.accepted += found.drafts.accepted;
  }
  EXPECT_GT(drafts.accepted, 200) << "nothing was guessed";
  EXPECT_GT(drafts.drafted, drafts.accepted + 100) << "no guess was wrong";
  EXPECT_GT(total.preemptions, 5) << "the pools were too large to test anything";
  EXPECT_GT(total.cached_tokens, 500) << "nothing was shared";
}

// Thirty-two and more answers in one step meet other kernels than eight do, on each number of
// threads: rows that are decoded together, chunks of prompts beside them, prefixes that are known
// or not, guesses or none.
TEST_P(Schedules, BesideThirtyOneOthersOnAnyNumberOfThreads) {
  Network n(GetParam());
  Random random{std::mt19937(13)};
  auto requests = random_requests(random, n.model().info().vocab_size, 40, n.some_adapters());
  for (TokenRequest& r : requests) r.max_tokens = 14 + random.below(10);
  const Expected expected(n, std::move(requests));
  for (const int threads : {1, 2, 3}) {
    SCOPED_TRACE(fmt::format("{} threads", threads));
    CpuBackend backend(threads, *cpu::available_tables().front());
    EngineOptions options = random_options(random);
    options.kv_blocks = 400;  // no one makes way, but for a seat of higher priority
    options.limits.prefix_cache = threads != 1;
    options.limits.sequences_max = 32 + random.below(4);
    options.limits.batch_tokens_max = 96 + random.below(300);
    if (threads == 3) add_drafter(options, random, n.model(), expected.texts);
    const Outcome found = run_schedule(n, backend, options, expected.requests, 16, random);
    ASSERT_NO_FATAL_FAILURE(expected.hold(found));
    // With guesses some are ahead of the others, and fewer meet.
    EXPECT_GE(found.widest, threads == 3 ? 16u : 32u) << "too few ran at once to test anything";
    if (threads != 1) {
      EXPECT_GT(found.stats.cached_tokens, 64) << "nothing was shared";
    }
  }
}

// A stream that broke off after any number of tokens goes on as if it hadn't.
TEST_P(Schedules, AResumedAnswerIsTheSame) {
  Network n(GetParam());
  Random random{std::mt19937(12)};
  for (TokenRequest& request :
       random_requests(random, n.model().info().vocab_size, 4, n.some_adapters())) {
    request.max_tokens = 150;
    const Answer whole = alone(n, request);
    ASSERT_EQ(whole.tokens.size(), 150u);
    for (const int64_t broken : {1, 7, 64, 149, 150}) {
      SCOPED_TRACE(broken);
      request.generated.assign(whole.tokens.begin(), whole.tokens.begin() + broken);
      EngineOptions options;
      options.context = 512;
      options.limits.batch_tokens_max = 1 + random.below(90);
      Engine engine(n.model(), n.backend, options, {});
      for (const bool cached : {false, true}) {
        Answer rest;
        ASSERT_TRUE(engine.submit(request, into(rest)).has_value());
        while (!engine.idle()) engine.step();
        ASSERT_NO_FATAL_FAILURE(expect_same(rest, whole, request.generated.size()));
        const auto prompt = static_cast<int64_t>(request.prompt.size());
        if (cached && prompt > kKvBlockTokens) {
          EXPECT_GE(rest.cached_tokens, prompt / kKvBlockTokens * kKvBlockTokens);
        }
      }
    }
    request.generated.clear();
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Schedules,
                         testing::Values("mini", "deepseek_v3", "deepseek_v3_mtp", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

// The second asking takes all full blocks from the cache; another tenant takes none.
TEST(PrefixCache, IsReportedAndKeptToItsTenant) {
  Network n("mini");
  TokenRequest request;
  request.prompt.assign(3 * kKvBlockTokens, 7);
  request.max_tokens = 2;
  Engine engine(n.model(), n.backend, {}, {});
  const auto cached_of = [&](uint64_t tenant) {
    request.scope.tenant = tenant;
    Answer answer;
    EXPECT_TRUE(engine.submit(request, into(answer)).has_value());
    while (!engine.idle()) engine.step();
    return answer.cached_tokens;
  };
  EXPECT_EQ(cached_of(1), 0);
  EXPECT_EQ(cached_of(1), 2 * kKvBlockTokens) << "the last token of a prompt is always computed";
  EXPECT_EQ(cached_of(2), 0);
  EXPECT_EQ(cached_of(2), 2 * kKvBlockTokens);
}

TEST(PrefixCache, ChoicesOfOneRequestShareTheirPrompt) {
  Network n("mini");
  TokenRequest request;
  request.prompt.assign(150, 7);
  request.max_tokens = 5;
  EngineOptions options;
  options.limits.batch_tokens_max = 40;
  Engine engine(n.model(), n.backend, options, {});
  std::vector<Answer> answers(3);
  for (Answer& answer : answers) {
    const auto id = engine.submit(request, into(answer));
    ASSERT_TRUE(id.has_value());
    if (request.shares_prompt_with == 0) request.shares_prompt_with = *id;
    ++request.sampling.seed;
  }
  while (!engine.idle()) engine.step();
  EXPECT_EQ(answers[0].cached_tokens, 0);
  EXPECT_EQ(answers[1].cached_tokens, 2 * kKvBlockTokens);
  EXPECT_EQ(answers[2].cached_tokens, 2 * kKvBlockTokens);
}

}  // namespace
}  // namespace hearth
