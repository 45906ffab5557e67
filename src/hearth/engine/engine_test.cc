// The engine on tiny checkpoints: a request's tokens are its own whatever runs beside it, answers
// end where they were told to, and a wrong request is refused in one line.
#include "hearth/engine/engine.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "hearth/engine/testing.h"

namespace hearth {
namespace {

using test::Answer;
using test::into;

using Network = test::Network<>;

std::vector<TokenRequest> random_requests(int64_t vocab, int count) {
  std::mt19937 random(5);
  const auto below = [&](int64_t n) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
  };
  std::vector<TokenRequest> requests(static_cast<size_t>(count));
  for (TokenRequest& r : requests) {
    r.prompt.resize(static_cast<size_t>(1 + below(70)));
    for (int32_t& id : r.prompt) id = static_cast<int32_t>(below(vocab));
    r.max_tokens = 1 + below(20);
    r.sampling.temperature = below(2) ? 0 : 0.9;
    r.sampling.top_p = below(2) ? 1 : 0.8;
    r.sampling.repetition_penalty = below(3) ? 1 : 1.2;
    r.sampling.seed = random();
    if (below(2))
      r.stop_ids = {static_cast<int32_t>(below(vocab)), static_cast<int32_t>(below(vocab))};
  }
  return requests;
}

Answer alone(Network& n, const TokenRequest& request) {
  Engine engine(*n.loaded.model, n.backend, {}, {});
  Answer answer;
  const auto id = engine.submit(request, into(answer));
  EXPECT_TRUE(id.has_value());
  while (!engine.idle()) engine.step();
  return answer;
}

class Batching : public testing::TestWithParam<const char*> {};

// Twenty requests that arrive at random steps, in engines of several step sizes, with blocks for a
// few sequences only, and a share of the limits that changes all the time.
TEST_P(Batching, EachRequestGetsTheTokensItGetsAlone) {
  Network n(GetParam());
  const auto requests = random_requests(n.vocab(), 20);
  std::vector<Answer> expected;
  for (const TokenRequest& r : requests) expected.push_back(alone(n, r));
  for (const int64_t batch_tokens : {1, 13, 512}) {
    SCOPED_TRACE(batch_tokens);
    EngineOptions options;
    options.limits.batch_tokens_max = batch_tokens;
    options.limits.sequences_max = 7;
    options.kv_blocks = 9;
    Engine engine(*n.loaded.model, n.backend, options, {});
    std::vector<Answer> found(requests.size());
    std::mt19937 random(9);
    size_t next = 0;
    while (next < requests.size() || !engine.idle()) {
      while (next < requests.size() && random() % 2) {
        ASSERT_TRUE(engine.submit(requests[next], into(found[next])).has_value());
        ++next;
      }
      engine.set_share(1.0 / static_cast<double>(1 + random() % 4));
      engine.step();
    }
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_TRUE(found[i] == expected[i]) << "request " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Batching, testing::Values("deepseek_v3", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

TokenRequest request_of(int64_t max_tokens) {
  TokenRequest r;
  r.prompt = {3, 1, 4, 1, 5};
  r.max_tokens = max_tokens;
  r.sampling.temperature = 0;
  return r;
}

TEST(Engine, AnswersEndAtTheirLength) {
  Network n("llama");
  const Answer ten = alone(n, request_of(10));
  ASSERT_EQ(ten.tokens.size(), 10u);
  EXPECT_EQ(ten.reason, FinishReason::length);
  const Answer one = alone(n, request_of(1));
  EXPECT_EQ(one.tokens, std::vector<int32_t>{ten.tokens[0]});
  EXPECT_EQ(one.reason, FinishReason::length);
  for (const int64_t none : {0, -7}) {
    const Answer zero = alone(n, request_of(none));
    EXPECT_TRUE(zero.tokens.empty());
    EXPECT_EQ(zero.reason, FinishReason::length);
  }
}

TEST(Engine, StopIdsEndTheAnswerAndAreNotPartOfIt) {
  Network n("llama");
  const Answer whole = alone(n, request_of(10));
  TokenRequest r = request_of(10);
  r.stop_ids = {whole.tokens[4]};
  const Answer stopped = alone(n, r);
  const auto first = std::find(whole.tokens.begin(), whole.tokens.end(), whole.tokens[4]);
  EXPECT_EQ(stopped.tokens, std::vector<int32_t>(whole.tokens.begin(), first));
  EXPECT_EQ(stopped.reason, FinishReason::stop);
}

TEST(Engine, TellsHowMuchOfAPromptIsComputed) {
  Network n("llama");
  EngineOptions options;
  options.limits.batch_tokens_max = 2;
  Engine engine(*n.loaded.model, n.backend, options, {});
  Answer answer;
  std::vector<int64_t> told;
  TokenSink sink = into(answer);
  sink.on_prompt = [&](int64_t computed) { told.push_back(computed); };
  ASSERT_TRUE(engine.submit(request_of(10), std::move(sink)).has_value());
  while (!engine.idle()) engine.step();
  EXPECT_EQ(told.back(), 5);
  EXPECT_GE(told.size(), 3u);
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(answer.tokens.size(), 10u);
}

TEST(Engine, TheSinkMayEndAnAnswer) {
  Network n("llama");
  Engine engine(*n.loaded.model, n.backend, {}, {});
  Answer answer;
  TokenSink sink = into(answer);
  sink.on_token = [&](int32_t id) {
    answer.tokens.push_back(id);
    return answer.tokens.size() < 3;
  };
  ASSERT_TRUE(engine.submit(request_of(10), std::move(sink)).has_value());
  while (!engine.idle()) engine.step();
  EXPECT_EQ(answer.tokens.size(), 3u);
  EXPECT_EQ(answer.reason, FinishReason::stop);
}

// In the queue, in the prompt, in the answer, twice, after the end, and of an id that never was.
TEST(Engine, CancelEndsARequestAndLeavesTheOthersAlone) {
  Network n("llama");
  const Answer expected = alone(n, request_of(20));
  EngineOptions options;
  options.limits.sequences_max = 2;
  options.limits.batch_tokens_max = 4;
  options.kv_blocks = 4;
  Engine engine(*n.loaded.model, n.backend, options, {});
  Answer kept, running, waiting;
  const int64_t first = *engine.submit(request_of(20), into(kept));
  const int64_t second = *engine.submit(request_of(200), into(running));
  const int64_t third = *engine.submit(request_of(20), into(waiting));
  engine.step();
  engine.cancel(third);
  engine.step();
  EXPECT_EQ(waiting.reason, FinishReason::cancelled);
  while (running.tokens.size() < 3) engine.step();
  engine.cancel(second);
  engine.cancel(second);
  engine.cancel(12345);
  while (!engine.idle()) engine.step();
  EXPECT_EQ(running.reason, FinishReason::cancelled);
  EXPECT_TRUE(kept == expected);
  engine.cancel(first);
  engine.step();
  // All blocks are back.
  Answer whole;
  TokenRequest r = request_of(1);
  r.prompt.assign(4 * kKvBlockTokens - 1, 2);
  const auto id = engine.submit(std::move(r), into(whole));
  ASSERT_TRUE(id.has_value()) << id.status().message();
  while (!engine.idle()) engine.step();
  EXPECT_EQ(whole.tokens.size(), 1u);
}

TEST(Engine, ASinkMaySubmitTheNextRequest) {
  Network n("llama");
  Engine engine(*n.loaded.model, n.backend, {}, {});
  Answer first, second;
  TokenSink sink = into(first);
  sink.on_finish = [&](FinishReason reason) {
    first.reason = reason;
    EXPECT_TRUE(engine.submit(request_of(4), into(second)).has_value());
  };
  ASSERT_TRUE(engine.submit(request_of(4), std::move(sink)).has_value());
  while (!engine.idle()) engine.step();
  EXPECT_EQ(second.tokens, first.tokens);
}

TEST(Engine, RefusesWhatItCannotDo) {
  Network n("llama");
  EngineOptions options;
  options.context = 100;
  options.kv_blocks = 1;
  Engine engine(*n.loaded.model, n.backend, options, {});
  const auto refused = [&](TokenRequest r) {
    const auto id = engine.submit(std::move(r), {});
    return id.has_value() ? std::string("accepted") : id.status().message();
  };
  TokenRequest r = request_of(1);
  r.prompt.clear();
  EXPECT_EQ(refused(r), "prompt: expected at least one token, found none");
  for (const int32_t id : {-1, static_cast<int32_t>(n.vocab()), INT32_MAX, INT32_MIN}) {
    r.prompt = {1, id};
    EXPECT_EQ(refused(r),
              fmt::format("prompt: expected token ids in [0, {}), found {}", n.vocab(), id));
  }
  r.prompt.assign(100, 1);
  EXPECT_EQ(refused(r), "prompt: expected fewer than 100 tokens (the context), found 100");
  r.prompt.assign(60, 1);
  r.max_tokens = INT64_MAX;
  EXPECT_NE(refused(r).find("the KV cache holds 64"), std::string::npos) << refused(r);
  r.max_tokens = 4;
  r.sampling.temperature = NAN;
  EXPECT_NE(refused(r).find("`temperature`"), std::string::npos);
  EXPECT_TRUE(engine.idle());
  engine.step();
  r.sampling.temperature = 0;
  EXPECT_EQ(refused(r), "accepted");
  while (!engine.idle()) engine.step();
}

TEST(Engine, RefusesWhatTheQueueCannotHold) {
  Network n("llama");
  EngineOptions options;
  options.limits.queue_max = 1;
  Engine engine(*n.loaded.model, n.backend, options, {});
  ASSERT_TRUE(engine.submit(request_of(2), {}).has_value());
  const auto second = engine.submit(request_of(2), {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.status().code(), Code::busy);
  engine.step();
  EXPECT_TRUE(engine.submit(request_of(2), {}).has_value());
  while (!engine.idle()) engine.step();
}

TEST(Engine, RefusesAResumedAnswerThatDoesNotFit) {
  Network n("llama");
  EngineOptions options;
  options.context = 8;
  Engine engine(*n.loaded.model, n.backend, options, {});
  TokenRequest r = request_of(3);
  r.generated.assign(4, 1);
  const auto id = engine.submit(r, {});
  ASSERT_FALSE(id.has_value());
  EXPECT_EQ(id.status().message(), "generated: expected at most 3 tokens (the context), found 4");
  r.generated = {1, -1};
  EXPECT_FALSE(engine.submit(r, {}).has_value());
  r.generated.assign(3, 1);
  Answer answer;
  ASSERT_TRUE(engine.submit(r, into(answer)).has_value());
  while (!engine.idle()) engine.step();
  EXPECT_TRUE(answer.tokens.empty());
  EXPECT_EQ(answer.reason, FinishReason::length);
}

TEST(Engine, AMaskDecidesWhatMayCome) {
  Network n("llama");
  TokenRequest r = request_of(10);
  r.mask = [](std::span<const int32_t> answer, std::span<uint8_t> banned) {
    for (size_t id = 0; id < banned.size(); ++id)
      banned[id] = answer.size() > 3 || id % 5 != answer.size();
    return Status::ok();
  };
  const Answer answer = alone(n, r);
  ASSERT_EQ(answer.tokens.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(static_cast<size_t>(answer.tokens[i]) % 5, i);
  EXPECT_EQ(answer.reason, FinishReason::stop);
}

TEST(Engine, AMaskThatCannotSayFailsItsAnswerAlone) {
  Network n("llama");
  Engine engine(*n.loaded.model, n.backend, {}, {});
  TokenRequest r = request_of(10);
  r.mask = [](std::span<const int32_t>, std::span<uint8_t>) {
    return error(Code::unsupported, "no idea");
  };
  Status why;
  FinishReason reason = FinishReason::stop;
  TokenSink sink;
  sink.on_error = [&](Status status) { why = std::move(status); };
  sink.on_finish = [&](FinishReason r) { reason = r; };
  ASSERT_TRUE(engine.submit(r, std::move(sink)).has_value());
  while (!engine.idle()) engine.step();
  EXPECT_EQ(reason, FinishReason::failed);
  EXPECT_EQ(why.message(), "no idea");
  EXPECT_TRUE(engine.health().is_ok());
}

TEST(Engine, AMemoryBudgetGivesBlocks) {
  Network n("llama");
  EngineOptions options;
  options.kv_memory = 3 * n.loaded.model->kv_spec(options.kv_format).block_bytes() + 1;
  Engine engine(*n.loaded.model, n.backend, options, {});
  EXPECT_EQ(engine.stats().blocks_total, 3);
}

TEST(Engine, TheAnswerIsCutToTheContext) {
  Network n("llama");
  EngineOptions options;
  options.context = 8;
  Engine engine(*n.loaded.model, n.backend, options, {});
  Answer answer;
  ASSERT_TRUE(engine.submit(request_of(INT64_MAX), into(answer)).has_value());
  while (!engine.idle()) engine.step();
  EXPECT_EQ(answer.tokens.size(), 3u);
  EXPECT_EQ(answer.reason, FinishReason::length);
}

// A model whose weights are broken after loading: NaN logits end in tokens, not in a crash.
TEST(Engine, NanLogitsGiveTokens) {
  Network n("deepseek_v3");
  n.loaded.model->visit_tensors([](const TensorSpec& spec, Weight& slot) {
    if (spec.name == "model.norm.weight") slot.tensor.f32()[0] = NAN;
  });
  for (const double temperature : {0.0, 1.0}) {
    TokenRequest r = request_of(5);
    r.sampling.temperature = temperature;
    const Answer answer = alone(n, r);
    ASSERT_EQ(answer.tokens.size(), 5u);
    for (int32_t id : answer.tokens) EXPECT_TRUE(id >= 0 && id < n.vocab());
  }
}

}  // namespace
}  // namespace hearth
