// Draws by a key: over keys they have the distribution of draws by a seed, one by one and together;
// for one key they are what the plain rule says.
#include "hearth/engine/keyed_sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "hearth/engine/draws_testing.h"
#include "hearth/guard/watermark/contexts.h"

namespace hearth {
namespace {

using test::expect_fits, test::random_logits;

KeyedPlace random_place(std::mt19937_64& random, double green_bias = 0) {
  const SipKey key{random(), random()};
  return {SipHash(key), green_bias};
}

class KeyedSampler : public testing::TestWithParam<SamplingParams> {};

TEST_P(KeyedSampler, OverKeysTheDistributionIsTheModels) {
  constexpr int kDraws = 200'000;
  const std::vector<float> logits = random_logits(40, 3);
  std::vector<uint8_t> banned(logits.size(), 0);
  banned[4] = 1;
  const std::vector<int32_t> tokens = {7, 7, 9, 12};
  const TokenHistory history{tokens, 2};
  std::map<int32_t, double> expected;
  for (const Candidate& c : distribution(logits, GetParam(), history, banned)) {
    expected[c.id] = c.probability;
  }
  std::mt19937_64 random(5);
  std::map<int32_t, int> counts;
  for (int i = 0; i < kDraws; ++i) {
    ++counts[sample_keyed(logits, GetParam(), history, banned, random_place(random))];
  }
  expect_fits(expected, counts, kDraws);
}

SamplingParams params(double temperature, double top_p, int64_t top_k = 0, double penalty = 1) {
  SamplingParams p;
  p.temperature = temperature;
  p.top_p = top_p;
  p.top_k = top_k;
  p.repetition_penalty = penalty;
  return p;
}

INSTANTIATE_TEST_SUITE_P(Filters, KeyedSampler,
                         testing::Values(params(1, 1), params(0.6, 0.95), params(1.5, 1, 10),
                                         params(1, 1, 0, 1.3), params(0.8, 0.9, 20, 1.2)));

// Two tokens, the second behind the context that the first belongs to: under one key they are as
// independent as the model says.
TEST(KeyedSampling, OverKeysTwoTokensFitTogether) {
  constexpr int kDraws = 200'000;
  const SamplingParams p = params(1, 0.9);
  std::vector<std::vector<float>> second;
  for (uint32_t i = 0; i < 12; ++i) second.push_back(random_logits(12, 50 + i));
  const std::vector<float> first = random_logits(12, 9);
  std::map<std::pair<int32_t, int32_t>, double> expected;
  for (const Candidate& a : distribution(first, p, {}, {})) {
    for (const Candidate& b : distribution(second[static_cast<size_t>(a.id)], p, {}, {})) {
      expected[{a.id, b.id}] = a.probability * b.probability;
    }
  }
  std::mt19937_64 random(6);
  std::map<std::pair<int32_t, int32_t>, int> counts;
  for (int i = 0; i < kDraws; ++i) {
    const SipKey key{random(), random()};
    watermark::Contexts contexts(2);
    contexts.take(1);
    contexts.take(2);
    const auto draw = [&](const std::vector<float>& logits) {
      const int32_t id = sample_keyed(logits, p, {}, {}, {contexts.here()->under(key), 0});
      contexts.take(id);
      return id;
    };
    const int32_t a = draw(first);
    ++counts[{a, draw(second[static_cast<size_t>(a)])}];
  }
  expect_fits(expected, counts, kDraws);
}

// Without a filter nothing is sorted and few logarithms are taken: the same token wins.
TEST(KeyedSampling, TheWholeVocabularyRacesAsAListDoes) {
  std::mt19937_64 random(8);
  for (uint32_t round = 0; round < 300; ++round) {
    std::vector<float> logits = random_logits(500, round);
    if (round % 3 == 0) logits[round] += 30;
    for (size_t i = round % 8; round % 5 == 0 && i < logits.size(); i += 8) {
      logits[i] = std::numeric_limits<float>::quiet_NaN();
    }
    SamplingParams list = params(0.7, 1);
    list.min_p = 1e-300;
    const KeyedPlace place = random_place(random);
    EXPECT_EQ(sample_keyed(logits, params(0.7, 1), {}, {}, place),
              sample_keyed(logits, list, {}, {}, place));
  }
}

TEST(KeyedSampling, GreedyPrefersGreenWithinTheBias) {
  std::mt19937_64 random(9);
  int moved = 0;
  for (uint32_t round = 0; round < 500; ++round) {
    std::vector<float> logits = random_logits(300, round);
    std::vector<uint8_t> banned(logits.size(), 0);
    banned[round % 300] = 1;
    if (round % 4 == 0) logits[5] = std::numeric_limits<float>::quiet_NaN();
    const KeyedPlace place = random_place(random, 2);
    int32_t best = -1;
    double most = -1e9;
    for (size_t i = 0; i < logits.size(); ++i) {
      const auto id = static_cast<int32_t>(i);
      const bool green = watermark::is_green(watermark::number_of(place.state, id));
      const double biased = static_cast<double>(logits[i]) + (green ? 2 : 0);
      if (banned[i] || !(biased > most)) continue;
      most = biased;
      best = id;
    }
    SamplingParams greedily = params(0, 1);
    EXPECT_EQ(sample_keyed(logits, greedily, {}, banned, place), best);
    greedily.logit_bias = {{3, 0}};
    EXPECT_EQ(sample_keyed(logits, greedily, {}, banned, place), best) << "logits in double";
    EXPECT_EQ(sample_keyed(logits, params(0, 1), {}, banned, {place.state, 0}),
              greedy(logits, banned));
    moved += best == greedy(logits, banned) ? 0 : 1;
  }
  EXPECT_GT(moved, 100);
}

TEST(KeyedSampling, RowsWithoutAnyNumberHaveAToken) {
  const std::vector<float> none(10, std::numeric_limits<float>::quiet_NaN());
  std::vector<uint8_t> banned(10, 0);
  banned[0] = 1;
  std::mt19937_64 random(1);
  for (const SamplingParams& p : {params(0, 1), params(1, 1), params(1, 0.9)}) {
    EXPECT_GE(sample_keyed(none, p, {}, banned, random_place(random, 2)), 1);
  }
}

}  // namespace
}  // namespace hearth
