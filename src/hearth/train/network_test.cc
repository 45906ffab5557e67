// The training network against the one that serves, and what must hold between two of its passes.
#include "hearth/train/network.h"

#include <gtest/gtest.h>

#include <cmath>

#include "hearth/train/testing.h"
#include "hearth/train/verbs/router.h"

namespace hearth::train {
namespace {

using testing::adapter_options;
using testing::fill_adapters;
using testing::make_batch;
using testing::make_compute;
using testing::make_network;
using testing::small_config;
using testing::SmallModel;

// Logits of all rows as the model serves them: prompt rows, an f32 cache.
std::vector<std::vector<float>> served_logits(SmallModel& small, const TokenBatch& tokens) {
  Batch batch;
  batch.tokens = tokens.tokens;
  int32_t block = 0;
  for (const Document& d : tokens.documents) {
    SequenceRows rows{d.begin, d.rows, 0, Role::prompt, {}};
    for (int64_t p = 0; p < d.rows; p += kKvBlockTokens) rows.blocks.push_back(block++);
    batch.sequences.push_back(rows);
  }
  for (int64_t r = 0; r < batch.rows(); ++r) batch.logits_rows.push_back(r);
  auto cache = make_cache(small.backend, small.model().kv_spec(Format::f32), block);
  CHECK(cache.has_value());
  small.backend.begin_forward(batch, *cache);
  const Tensor logits = small.model().forward(small.backend, batch, *cache).logits;
  std::vector<std::vector<float>> out;
  for (int64_t r = 0; r < logits.rows(); ++r) {
    out.emplace_back(logits.f32_row(r), logits.f32_row(r) + logits.columns());
  }
  return out;
}

template <typename T>
double distance(const Matrix<T>& found, const std::vector<std::vector<float>>& expected) {
  double worst = 0;
  double largest = 0;
  for (int64_t r = 0; r < found.rows; ++r) {
    for (int64_t i = 0; i < found.columns; ++i) {
      const double e = expected[static_cast<size_t>(r)][static_cast<size_t>(i)];
      worst = std::max(worst, std::abs(static_cast<double>(found.row(r)[i]) - e));
      largest = std::max(largest, std::abs(e));
    }
  }
  return worst / largest;
}

class Architectures : public ::testing::TestWithParam<std::string> {};

TEST_P(Architectures, TrainOnTheForwardPassThatServes) {
  for (const Format format : {Format::f32, Format::bf16, Format::q8_0}) {
    SmallModel small(small_config(GetParam()), format);
    const TokenBatch batch = make_batch({70, 9});
    const auto expected = served_logits(small, batch);
    const auto network =
        make_network<float>(small.model(), adapter_options(small.model(), {"o_proj"}));
    const auto c = make_compute();
    EXPECT_LT(distance(network->logits(*c, batch), expected), 1e-5) << format_info(format).name;
  }
}

TEST_P(Architectures, GiveTheBaseUntilAnAdapterHasLearned) {
  SmallModel small(small_config(GetParam()));
  const TokenBatch batch = make_batch({20});
  const auto c = make_compute();
  NetworkOptions none = adapter_options(small.model(), {"o_proj"});
  none.adapter->targets.modules.clear();
  const double base = sum_of(make_network<float>(small.model(), none)->losses(*c, batch));
  const auto network =
      make_network<float>(small.model(), adapter_options(small.model(), {"q_proj", "v_proj"}));
  EXPECT_EQ(sum_of(network->losses(*c, batch)), base);
  fill_adapters(*network);
  EXPECT_NE(sum_of(network->losses(*c, batch)), base);
}

TEST_P(Architectures, EightBatchesOfOneAreOneOfEight) {
  SmallModel small(small_config(GetParam()));
  const auto c = make_compute();
  const auto whole = make_network<double>(small.model(), {});
  const auto parts = make_network<double>(small.model(), {});
  double together = 0;
  double apart = 0;
  TokenBatch all;
  for (uint32_t i = 0; i < 8; ++i) {
    const TokenBatch one = make_batch({5 + i}, i);
    const auto begin = static_cast<int64_t>(all.tokens.size());
    all.documents.push_back({begin, one.documents[0].rows});
    all.tokens.insert(all.tokens.end(), one.tokens.begin(), one.tokens.end());
    for (const int64_t row : one.rows) all.rows.push_back(begin + row);
    all.targets.insert(all.targets.end(), one.targets.begin(), one.targets.end());
    apart += sum_of(parts->accumulate(*c, one, {0.01, 0.01}));
  }
  together = sum_of(whole->accumulate(*c, all, {0.01, 0.01}));
  EXPECT_NEAR(together, apart, 1e-6);
  for (size_t p = 0; p < whole->learned().size(); ++p) {
    const auto& a = whole->learned()[p]->gradient;
    const auto& b = parts->learned()[p]->gradient;
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-6);
  }
  // The experts' bias sees the whole step.
  EXPECT_EQ(whole->end_step(1e-3), parts->end_step(1e-3));
  for (size_t p = 0; p < whole->balances().size(); ++p) {
    EXPECT_EQ(whole->balances()[p]->value, parts->balances()[p]->value);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Architectures,
                         ::testing::Values("llama", "qwen2", "qwen3", "deepseek_v2", "deepseek_v3"),
                         [](const auto& info) { return info.param; });

TEST(Balance, MovesBiasesAgainstTheLoad) {
  SmallModel small(small_config("deepseek_v3"));
  const auto network = make_network<float>(small.model(), {});
  const auto c = make_compute();
  ASSERT_EQ(network->balances().size(), 1u);
  const std::vector<float> before = network->balances()[0]->value;
  network->accumulate(*c, make_batch({30}), {});
  EXPECT_GT(network->end_step(0.01), 0);
  double moved = 0;
  for (size_t e = 0; e < before.size(); ++e) {
    const float change = network->balances()[0]->value[e] - before[e];
    EXPECT_TRUE(change == 0 || std::abs(std::abs(change) - 0.01f) < 1e-6f);
    moved += std::abs(change);
  }
  EXPECT_GT(moved, 0);
  EXPECT_EQ(network->end_step(0.01), 0);  // no token since
}

TEST(Balance, LossHasTheGradientOfItsDifferences) {
  constexpr int64_t kExperts = 6;
  const std::vector<Document> documents = {{0, 3}, {3, 4}};
  std::vector<double> scores(7 * kExperts);
  for (size_t i = 0; i < scores.size(); ++i) {
    scores[i] = 0.1 + static_cast<double>(i * 37 % 89) / 100;
  }
  Routing<double> routing;
  routing.chosen = 2;
  routing.scores = {scores.data(), 7, kExperts, kExperts};
  for (int32_t t = 0; t < 7; ++t) {
    routing.ids.push_back(t % 3);
    routing.ids.push_back(3 + t % 2);
  }
  std::vector<double> gradient(scores.size());
  std::vector<double> unused(scores.size());
  const Matrix<double> to{gradient.data(), 7, kExperts, kExperts};
  const Matrix<double> ignored{unused.data(), 7, kExperts, kExperts};
  balance_loss<double>(routing, documents, 0.5, 2, to);
  for (size_t i = 0; i < scores.size(); ++i) {
    const double before = scores[i];
    scores[i] = before + 1e-5;
    const double up = balance_loss<double>(routing, documents, 0.5, 2, ignored);
    scores[i] = before - 1e-5;
    const double down = balance_loss<double>(routing, documents, 0.5, 2, ignored);
    scores[i] = before;
    EXPECT_NEAR(gradient[i], 2 * (up - down) / 2e-5, 1e-8);
  }
}

TEST(Targets, OfLatentAttentionTakeThePlaceOfTheUsual) {
  SmallModel latent(small_config("deepseek_v3"));
  const auto mapped = choose_targets(latent.model(), {"q_proj", "v_proj", "k_proj"});
  ASSERT_TRUE(mapped.has_value());
  EXPECT_EQ(mapped->names, (std::vector<std::string>{"q_b_proj", "kv_b_proj"}));
  EXPECT_EQ(mapped->notices.size(), 3u);
  EXPECT_EQ(mapped->modules.size(), 4u);
  SmallModel dense(small_config("qwen2"));
  const auto plain = choose_targets(dense.model(), {"q_proj", "mlp.down_proj"});
  ASSERT_TRUE(plain.has_value());
  EXPECT_TRUE(plain->notices.empty());
  EXPECT_EQ(plain->modules.size(), 4u);
}

TEST(Targets, ThatAModelLacksAreRefusedWithThoseItHas) {
  SmallModel dense(small_config("qwen2"));
  for (const char* name : {"q_b_proj", "proj", "lm_head", "embed_tokens", "weight", ""}) {
    const auto refused = choose_targets(dense.model(), {name});
    ASSERT_FALSE(refused.has_value()) << name;
    EXPECT_NE(refused.status().message().find("q_proj, k_proj, v_proj"), std::string::npos);
  }
}

}  // namespace
}  // namespace hearth::train
