// Embeddings: hidden states are what the head turns into logits, and pooling is their mean.
#include "hearth/engine/pooling.h"

#include <gtest/gtest.h>

#include <cmath>

#include "hearth/backend/reference/reference_backend.h"
#include "hearth/engine/testing.h"

namespace hearth {
namespace {

using Rows = std::vector<std::vector<float>>;

struct Fixture : test::Network<ReferenceBackend> {
  using Network::Network;

  Linear head() const {
    Linear head;
    loaded.model->visit_weights([&](const TensorSpec& spec, const Weight& weight) {
      if (spec.kind == TensorKind::head || spec.name == "lm_head.weight") head.weight = weight;
    });
    CHECK(head.weight.present());
    return head;
  }
  // What the sink hears of `request`, in steps of at most `rows`.
  Rows ask(const TokenRequest& request, int64_t rows, test::Answer* answer = nullptr) {
    EngineOptions options;
    options.context = 64;
    options.limits.batch_tokens_max = rows;
    Engine engine(*loaded.model, backend, options, {});
    Rows out;
    test::Answer unused;
    TokenSink sink = test::into(answer ? *answer : unused);
    const auto keep = [&out](std::span<const float> row) {
      out.emplace_back(row.begin(), row.end());
    };
    (request.hidden == Hidden::none ? sink.on_logits : sink.on_hidden) = keep;
    const auto id = engine.submit(request, std::move(sink));
    EXPECT_TRUE(id.has_value()) << id.status().message();
    while (!engine.idle()) engine.step();
    return out;
  }
};

TokenRequest text_of(int count) {
  TokenRequest request;
  for (int32_t i = 0; i < count; ++i) request.prompt.push_back(3 + i * 7 % 50);
  request.max_tokens = 0;
  return request;
}

class HiddenStates : public testing::TestWithParam<const char*> {};

TEST_P(HiddenStates, AreWhatTheHeadTurnsIntoLogits) {
  Fixture f(GetParam());
  TokenRequest request = text_of(23);
  const Rows logits = f.ask(request, 64);
  request.hidden = Hidden::every;
  const Rows states = f.ask(request, 64);
  ASSERT_EQ(states.size(), request.prompt.size());
  ASSERT_EQ(logits.size(), states.size());
  const Linear head = f.head();
  for (size_t i = 0; i < states.size(); ++i) {
    f.backend.begin_step();
    const auto width = static_cast<int64_t>(states[i].size());
    ASSERT_EQ(width, f.loaded.model->info().hidden_size);
    const Tensor x = f.backend.scratch({1, width});
    std::ranges::copy(states[i], x.f32_row(0));
    const Tensor out = f.backend.scratch({1, head.weight.out()});
    f.backend.head_logits(x, Norm{}, head, out);
    ASSERT_TRUE(std::ranges::equal(logits[i], out.f32())) << "position " << i;
  }
}

TEST_P(HiddenStates, OfTheLastPositionAndOfShortSteps) {
  Fixture f(GetParam());
  TokenRequest request = text_of(40);
  request.hidden = Hidden::every;
  const Rows whole = f.ask(request, 64);
  EXPECT_EQ(f.ask(request, 7), whole);
  request.hidden = Hidden::last;
  test::Answer answer;
  EXPECT_EQ(f.ask(request, 7, &answer), Rows{whole.back()});
  EXPECT_TRUE(answer.tokens.empty());
  EXPECT_EQ(answer.reason, FinishReason::stop);
}

INSTANTIATE_TEST_SUITE_P(Models, HiddenStates, testing::Values("qwen2", "deepseek_v3", "llama"),
                         [](const auto& info) { return std::string(info.param); });

TEST(HiddenStates, MayFillTheContextAndNoMore) {
  Fixture f("qwen2");
  TokenRequest request = text_of(64);
  request.hidden = Hidden::last;
  EXPECT_EQ(f.ask(request, 64).size(), 1u);
  EngineOptions options;
  options.context = 64;
  Engine engine(*f.loaded.model, f.backend, options, {});
  request.prompt.push_back(1);
  EXPECT_EQ(engine.submit(request, {}).status().message(),
            "prompt: expected at most 64 tokens (the context), found 65");
  request.prompt.resize(3);
  request.generated = {1};
  EXPECT_EQ(engine.submit(request, {}).status().message(),
            "generated: expected none beside hidden states, found 1 tokens");
}

TEST(Pooling, IsTheMeanDividedByItsLength) {
  Pooler pooler;
  const std::vector<float> first = {1, 2, -3}, second = {3, 0, 1};
  pooler.add(first);
  pooler.add(second);
  const std::vector<float> found = pooler.embedding();  // of (2, 1, -1)
  const double expected[] = {2, 1, -1};
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(found[i], expected[i] / std::sqrt(6.0), 1e-7);
  Pooler opposite;
  opposite.add(std::vector<float>{1, -1});
  opposite.add(std::vector<float>{-1, 1});
  EXPECT_EQ(opposite.embedding(), (std::vector<float>{0, 0}));
}

TEST(Pooling, Names) {
  for (Pooling p : {Pooling::mean, Pooling::last}) EXPECT_EQ(find_pooling(pooling_name(p)), p);
  EXPECT_EQ(find_pooling("cls"), std::nullopt);
}

}  // namespace
}  // namespace hearth
