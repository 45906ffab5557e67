// A device that fails, or has no room: every request is told so, and none is left waiting.
#include <gtest/gtest.h>

#include "hearth/engine/generation.h"
#include "hearth/engine/testing.h"

namespace hearth {
namespace {

// Computes like the CPU, until it breaks.
class BreakingBackend : public test::OneThread {
 public:
  Result<Outputs> end_forward(Outputs outputs) override {
    if (steps_left-- > 0) return outputs;
    return error(failure, "the device fell off the bus");
  }
  Result<std::shared_ptr<std::byte>> cache_memory(int64_t bytes) override {
    if (has_room) return CpuBackend::cache_memory(bytes);
    return error(Code::no_memory, "{} bytes asked, none is free", bytes);
  }

  int steps_left = 1000;
  Code failure = Code::internal;
  bool has_room = true;
};

struct Fixture : test::Network<BreakingBackend> {
  Fixture() : Network("qwen2") {
    request.prompt = {1, 2, 3};
    request.max_tokens = 20;
    request.sampling.temperature = 0;
  }

  TokenRequest request;
};

TEST(DeviceFailure, EndsEveryRequestAndRefusesNewOnes) {
  Fixture f;
  Engine engine(*f.loaded.model, f.backend, {}, {});
  test::Answer answers[2];
  for (test::Answer& answer : answers) {
    ASSERT_TRUE(engine.submit(f.request, test::into(answer)).has_value());
  }
  f.backend.steps_left = 4;
  for (int i = 0; i < 10 && !engine.idle(); ++i) engine.step();
  EXPECT_TRUE(engine.idle());
  for (const test::Answer& answer : answers) EXPECT_EQ(answer.reason, FinishReason::failed);
  EXPECT_EQ(engine.health().code(), Code::internal);
  test::Answer late;
  const auto refused = engine.submit(f.request, test::into(late));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.status().message(), "the device fell off the bus");
}

TEST(DeviceFailure, AStepThatDoesNotFitFailsAlone) {
  Fixture f;
  Engine engine(*f.loaded.model, f.backend, {}, {});
  test::Answer whole;
  ASSERT_TRUE(engine.submit(f.request, test::into(whole)).has_value());
  while (!engine.idle()) engine.step();

  test::Answer failed, after;
  f.backend.failure = Code::no_memory;
  f.backend.steps_left = 3;
  ASSERT_TRUE(engine.submit(f.request, test::into(failed)).has_value());
  while (!engine.idle()) engine.step();
  EXPECT_EQ(failed.reason, FinishReason::failed);
  EXPECT_EQ(engine.failure().code(), Code::no_memory);
  EXPECT_TRUE(engine.health().is_ok());

  f.backend.steps_left = 1000;
  ASSERT_TRUE(engine.submit(f.request, test::into(after)).has_value());
  while (!engine.idle()) engine.step();
  EXPECT_EQ(after.tokens, whole.tokens);
}

TEST(DeviceFailure, NoRoomForTheCacheIsSaidToWhoAsks) {
  Fixture f;
  f.backend.has_room = false;
  Engine engine(*f.loaded.model, f.backend, {}, {});
  test::Answer answer;
  const auto refused = engine.submit(f.request, test::into(answer));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.status().code(), Code::no_memory);
  EXPECT_TRUE(refused.status().message().starts_with("KV cache: "));
}

// An answer that the device cut short is no answer, whoever asked for it.
TEST(DeviceFailure, AStumpIsNoReply) {
  for (const Code code : {Code::no_memory, Code::internal}) {
    BreakingBackend backend;
    const auto model = TextModel::load(HEARTH_SOURCE_DIR "/assets/mini", backend, {});
    ASSERT_TRUE(model.has_value()) << model.status().message();
    TextRequest request;
    request.prompt = (*model)->plain("12+3", true);
    request.max_tokens = 20;
    backend.failure = code;
    {
      Engine engine((*model)->model(), backend, {}, (*model)->banned());
      backend.steps_left = 1;
      const auto replies = generate(**model, engine, {request});
      EXPECT_EQ(replies.status().code(), code);
    }
    Engine engine((*model)->model(), backend, {}, (*model)->banned());
    backend.steps_left = 1;
    int asked = 0, replies = 0;
    RequestStream stream;
    stream.next = [&]() -> Result<std::optional<TextRequest>> {
      return asked++ < 3 ? std::optional(request) : std::nullopt;
    };
    stream.on_reply = [&](int64_t, const TextReply&, const ReplyCost&) { return ++replies > 0; };
    EXPECT_EQ(generate_each(**model, engine, 2, stream).code(), code);
    EXPECT_EQ(replies, 0);
    EXPECT_TRUE(engine.idle());
  }
}

}  // namespace
}  // namespace hearth
