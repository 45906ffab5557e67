// Sampling against transformers' distributions, by statistics, under hostile logits, and bit by bit
// against a plain version that sorts everything.
#include "hearth/engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "hearth/files/json.h"

namespace hearth {
namespace {

std::vector<float> random_logits(size_t n, uint32_t seed, float sigma = 2) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, sigma);
  std::vector<float> logits(n);
  for (float& l : logits) l = normal(random);
  return logits;
}

double probability_of(const std::vector<Candidate>& kept, int32_t id) {
  for (const Candidate& c : kept) {
    if (c.id == id) return c.probability;
  }
  return 0;
}

template <typename T>
std::vector<T> numbers(const Json& array) {
  std::vector<T> out;
  for (const Json& v : array) out.push_back(v.get<T>());
  return out;
}

SamplingParams params_of(const Json& j) {
  SamplingParams p;
  p.temperature = *json_number(j, "temperature", 0, 100);
  p.top_k = *json_int(j, "top_k", 0, 1000);
  p.top_p = *json_number(j, "top_p", 0, 1);
  p.min_p = *json_number(j, "min_p", 0, 1);
  p.repetition_penalty = *json_number(j, "repetition_penalty", 0, 10);
  p.frequency_penalty = *json_number(j, "frequency_penalty", -10, 10);
  p.presence_penalty = *json_number(j, "presence_penalty", -10, 10);
  return p;
}

// Repetition looks at prompt and answer, frequency and presence at the answer only.
TEST(Sampler, DistributionsAreThoseOfTransformers) {
  const auto file = read_json_file(HEARTH_SOURCE_DIR "/tests/golden/sampling.json");
  ASSERT_TRUE(file.has_value()) << file.status().message();
  const Json& cases = **json_array(*file, "cases");
  ASSERT_GE(cases.size(), 20u);
  for (const Json& c : cases) {
    SCOPED_TRACE(c["parameters"].dump());
    const auto logits = numbers<float>(c["logits"]);
    auto tokens = numbers<int32_t>(c["prompt"]);
    const auto prompt_length = static_cast<int64_t>(tokens.size());
    for (int32_t id : numbers<int32_t>(c["generated"])) tokens.push_back(id);
    const auto expected = numbers<double>(c["probabilities"]);
    const auto kept = distribution(logits, params_of(c["parameters"]), {tokens, prompt_length}, {});
    for (size_t id = 0; id < expected.size(); ++id) {
      EXPECT_NEAR(probability_of(kept, static_cast<int32_t>(id)), expected[id],
                  1e-6 * expected[id] + 1e-12)
          << "token " << id;
    }
    EXPECT_TRUE(std::ranges::is_sorted(
        kept, [](const auto& a, const auto& b) { return a.probability > b.probability; }));
  }
}

TEST(Sampler, SameSeedSameTokenAndSeedsDiffer) {
  const auto logits = random_logits(200, 1);
  for (const double top_p : {1.0, 0.9}) {
    SamplingParams p;
    p.top_p = top_p;
    std::map<int32_t, int> seen;
    for (uint64_t seed = 0; seed < 100; ++seed) {
      p.seed = seed;
      const int32_t id = sample(logits, p, {}, {});
      EXPECT_EQ(id, sample(logits, p, {}, {}));
      ++seen[id];
    }
    EXPECT_GT(seen.size(), 10u);
  }
}

// Chi-square of 40,000 draws against the distribution, with and without filters; positions of one
// sequence and seeds of many are both independent draws.
TEST(Sampler, DrawsFollowTheDistribution) {
  const auto logits = random_logits(40, 5, 1);
  constexpr int kDraws = 40000;
  for (const bool filtered : {false, true}) {
    for (const bool by_seed : {false, true}) {
      SamplingParams p;
      p.temperature = 0.8;
      p.top_k = filtered ? 20 : 0;
      p.top_p = filtered ? 0.97 : 1;
      const auto expected = distribution(logits, p, {}, {});
      std::map<int32_t, double> count;
      std::vector<int32_t> tokens;
      for (int i = 0; i < kDraws; ++i) {
        p.seed = by_seed ? static_cast<uint64_t>(i) : 42;
        if (!by_seed) tokens.push_back(0);
        ++count[sample(logits, p, {tokens, 0}, {})];
      }
      double chi_square = 0;
      double total = 0;
      for (const Candidate& c : expected) {
        const double mean = c.probability * kDraws;
        chi_square += (count[c.id] - mean) * (count[c.id] - mean) / mean;
        total += count[c.id];
      }
      EXPECT_EQ(total, kDraws) << "drawn beyond the filters";
      const auto freedom = static_cast<double>(expected.size() - 1);
      // Mean f, variance 2 f: five sigma.
      EXPECT_LT(chi_square, freedom + 5 * std::sqrt(2 * freedom)) << "filtered " << filtered;
    }
  }
}

TEST(Sampler, UniformIsUniform) {
  double sum = 0, square = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = uniform(7, static_cast<uint64_t>(i));
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    square += u * u;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(square / kDraws, 1.0 / 3, 0.005);
}

TEST(Sampler, GreedyTakesTheLowestOfEqualsAndNoBannedId) {
  const std::vector<float> logits = {1, 5, 5, 3};
  EXPECT_EQ(greedy(logits, {}), 1);
  const std::vector<uint8_t> banned = {0, 1, 1, 0};
  EXPECT_EQ(greedy(logits, banned), 3);
  SamplingParams p;
  p.temperature = 0;
  EXPECT_EQ(sample(logits, p, {}, banned), 3);
  p.presence_penalty = 3;
  const std::vector<int32_t> tokens = {1};
  EXPECT_EQ(sample(logits, p, {tokens, 0}, {}), 2);
  EXPECT_EQ(sample(logits, p, {tokens, 1}, {}), 1) << "presence does not look at the prompt";
}

TEST(Sampler, BannedIdsAreNeverDrawn) {
  const auto logits = random_logits(30, 2, 0.1f);
  std::vector<uint8_t> banned(30, 1);
  banned[4] = banned[9] = 0;
  SamplingParams p;
  for (const double top_p : {1.0, 0.99}) {
    p.top_p = top_p;
    for (p.seed = 0; p.seed < 200; ++p.seed) {
      const int32_t id = sample(logits, p, {}, banned);
      EXPECT_TRUE(id == 4 || id == 9);
    }
  }
}

// NaN, infinities, all equal, one token: an id of the vocabulary that is allowed, always.
TEST(Sampler, HostileLogitsGiveAnAllowedToken) {
  const float inf = INFINITY;
  const std::vector<std::vector<float>> rows = {
      {NAN, NAN, NAN, NAN},  {NAN, 1, NAN, 2}, {-inf, -inf, -inf, -inf}, {inf, inf, 1, NAN},
      {3e38f, -3e38f, 0, 0}, {0, 0, 0, 0},     {NAN, -inf, -inf, NAN},   {inf, NAN, -inf, 0}};
  const std::vector<uint8_t> banned = {1, 0, 0, 0};
  const std::vector<int32_t> tokens = {1, 3, 3};
  std::mt19937 random(1);
  for (const auto& logits : rows) {
    for (int round = 0; round < 300; ++round) {
      SamplingParams p;
      p.seed = random();
      if (random() % 2) p.temperature = random() % 2 ? 0 : 1e-3;
      if (random() % 2) p.top_k = static_cast<int64_t>(random() % 6);
      if (random() % 2) p.top_p = random() % 2 ? 0 : 0.5;
      if (random() % 2) p.min_p = random() % 2 ? 1 : 0.3;
      if (random() % 2) p.repetition_penalty = 1.3;
      if (random() % 2) p.frequency_penalty = -2;
      ASSERT_TRUE(check_sampling(p).is_ok());
      const int32_t id = sample(logits, p, {tokens, 1}, banned);
      ASSERT_TRUE(id >= 1 && id < 4) << id;
    }
  }
  const std::vector<float> some = {NAN, 1, NAN, 2};
  EXPECT_EQ(greedy(some, {}), 3) << "a NaN is not the most likely token";
  EXPECT_EQ(greedy(rows[0], banned), 1);
}

TEST(Sampler, RefusesParametersThatMakeNoDistribution) {
  const auto refused = [](auto change) {
    SamplingParams p;
    change(p);
    const Status status = check_sampling(p);
    return status.is_ok() ? std::string() : status.message();
  };
  using P = SamplingParams;
  EXPECT_EQ(refused([](P&) {}), "");
  EXPECT_EQ(refused([](P& p) { p.temperature = -1; }),
            "`temperature`: expected [0, 1000000], found -1");
  EXPECT_NE(refused([](P& p) { p.temperature = NAN; }), "");
  EXPECT_NE(refused([](P& p) { p.temperature = INFINITY; }), "");
  EXPECT_NE(refused([](P& p) { p.top_p = 1.5; }), "");
  EXPECT_NE(refused([](P& p) { p.min_p = NAN; }), "");
  EXPECT_NE(refused([](P& p) { p.repetition_penalty = 0; }), "");
  EXPECT_NE(refused([](P& p) { p.frequency_penalty = -INFINITY; }), "");
  EXPECT_NE(refused([](P& p) { p.presence_penalty = NAN; }), "");
  EXPECT_NE(refused([](P& p) { p.logit_bias = {{1, 1}, {2, NAN}}; }), "");
  EXPECT_EQ(refused([](P& p) { p.top_k = -1; }), "`top_k`: expected 0 (all) or more, found -1");
}

// The definition, written down without a thought of speed.
struct Plain {
  std::vector<double> scores;
  std::vector<Candidate> sorted;  // all that are allowed, relative to the best
  std::vector<double> relative;   // by id; 0: banned

  Plain(const std::vector<float>& logits, const SamplingParams& p, const TokenHistory& history,
        const std::vector<uint8_t>& banned)
      : scores(logits.begin(), logits.end()), relative(logits.size(), 0) {
    for (const LogitBias& b : p.logit_bias)
      scores[static_cast<size_t>(b.id)] += static_cast<double>(b.bias);
    penalise(p, history);
    const double t = p.temperature == 0 ? 1 : std::max(p.temperature, 1e-6);
    for (double& s : scores) s = std::isnan(s) ? -static_cast<double>(INFINITY) : s / t;
    for (size_t i = 0; i < scores.size(); ++i) {
      if (banned.empty() || !banned[i]) sorted.push_back({static_cast<int32_t>(i), scores[i]});
    }
    std::ranges::stable_sort(sorted, std::greater<>(), &Candidate::probability);
    const double top = sorted.front().probability;
    for (Candidate& c : sorted) {
      c.probability = c.probability == top ? 1 : std::exp(c.probability - top);
      relative[static_cast<size_t>(c.id)] = c.probability;
    }
  }

  void penalise(const SamplingParams& p, const TokenHistory& history) {
    std::map<int32_t, int> seen;
    for (size_t i = 0; i < history.tokens.size(); ++i) {
      seen[history.tokens[i]] += static_cast<int64_t>(i) >= history.prompt_length ? 1 : 0;
    }
    for (const auto& [id, count] : seen) {
      double& s = scores[static_cast<size_t>(id)];
      s = s < 0 ? s * p.repetition_penalty : s / p.repetition_penalty;
      s -= static_cast<double>(count) * p.frequency_penalty;
      if (count > 0) s -= p.presence_penalty;
    }
  }

  std::vector<Candidate> distribution(const SamplingParams& p) const {
    if (p.temperature == 0) return {{sorted.front().id, 1}};
    std::vector<Candidate> kept = sorted;
    const bool cut = p.top_k > 0 && static_cast<size_t>(p.top_k) < sorted.size();
    if (cut) kept.resize(static_cast<size_t>(p.top_k));
    double mass = 0;
    if (cut) {
      for (const Candidate& c : kept) mass += c.probability;
    } else {
      for (double r : relative) mass += r;
    }
    size_t count = 0;
    double reached = 0;
    while (count < kept.size() && (count == 0 || kept[count].probability >= p.min_p)) {
      reached += kept[count++].probability;
      if (p.top_p < 1 && reached >= p.top_p * mass) break;
    }
    kept.resize(count);
    double sum = 0;
    for (const Candidate& c : kept) sum += c.probability;
    for (Candidate& c : kept) c.probability /= sum;
    return kept;
  }

  int32_t sample(const SamplingParams& p, size_t length) const {
    const double u = uniform(p.seed, length);
    double reached = 0;
    if (p.temperature > 0 && p.top_k == 0 && p.top_p == 1 && p.min_p == 0) {
      double sum = 0;
      for (double r : relative) sum += r;
      for (size_t i = 0; i < relative.size(); ++i) {
        reached += relative[i];
        if (relative[i] > 0 && u * sum < reached) return static_cast<int32_t>(i);
      }
    }
    const std::vector<Candidate> kept = distribution(p);
    for (const Candidate& c : kept) {
      reached += c.probability;
      if (u < reached) return c.id;
    }
    return kept.back().id;
  }
};

// Noise with peaks; rounded, so that equals meet; with numbers that are none.
std::vector<float> random_row(std::mt19937& random, size_t size) {
  auto logits = random_logits(size, static_cast<uint32_t>(random()), random() % 2 ? 1.f : 3.f);
  for (size_t peaks = random() % 20; peaks > 0; --peaks) {
    logits[random() % size] += static_cast<float>(random() % 20);
  }
  if (random() % 3 == 0) {
    for (float& l : logits) l = std::round(2 * l) / 2;
  }
  for (size_t odd = random() % 4 ? 0 : random() % 5; odd > 0; --odd) {
    logits[random() % size] = random() % 2 ? -INFINITY : NAN;
  }
  return logits;
}

SamplingParams random_params(std::mt19937& random, size_t size) {
  SamplingParams p;
  p.seed = random();
  p.temperature = std::vector<double>{0, 0.05, 0.6, 1, 1, 3}[random() % 6];
  if (random() % 4 == 0) p.top_k = static_cast<int64_t>(1 + random() % 60);
  p.top_p = std::vector<double>{1, 1, 0.95, 0.5, 0.999, 0}[random() % 6];
  if (random() % 4 == 0) p.min_p = std::vector<double>{1e-6, 0.05, 0.7, 1}[random() % 4];
  if (random() % 4 == 0) p.repetition_penalty = 1.3;
  if (random() % 4 == 0) p.frequency_penalty = -0.7;
  if (random() % 4 == 0) p.presence_penalty = 1.5;
  for (size_t biases = random() % 4 ? 0 : random() % 5; biases > 0; --biases) {
    const float bias = static_cast<float>(random() % 200) - 100;
    p.logit_bias.push_back({static_cast<int32_t>(random() % size), bias});
  }
  return p;
}

TEST(Sampler, GivesTheBitsOfThePlainDefinition) {
  std::mt19937 random(8);
  for (int round = 0; round < 3000; ++round) {
    SCOPED_TRACE(round);
    const size_t size = round % 100 == 0
                            ? 152064
                            : std::vector<size_t>{1, 2, 63, 64, 65, 700, 4096, 5003}[random() % 8];
    const auto logits = random_row(random, size);
    const SamplingParams p = random_params(random, size);
    std::vector<int32_t> tokens(random() % 40);
    for (int32_t& id : tokens) id = static_cast<int32_t>(random() % size);
    const auto prompt = static_cast<int64_t>(tokens.size() / 3);
    std::vector<uint8_t> banned;
    if (random() % 2) {
      banned.assign(size, 0);
      for (size_t i = size * 9 / 10; i < size; ++i) banned[i] = 1;
      for (int i = 0; i < 5; ++i) banned[random() % size] = 1;
      banned[random() % size] = 0;
    }
    const Plain plain(logits, p, {tokens, prompt}, banned);
    const auto expected = plain.distribution(p);
    const auto found = distribution(logits, p, {tokens, prompt}, banned);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].id, expected[i].id) << i;
      ASSERT_EQ(found[i].probability, expected[i].probability) << i;
    }
    const bool all_odd = std::isinf(plain.scores[static_cast<size_t>(expected[0].id)]);
    if (p.temperature == 0 && all_odd) continue;  // greedy() puts -inf before NaN
    ASSERT_EQ(sample(logits, p, {tokens, prompt}, banned), plain.sample(p, tokens.size()));
  }
}

TEST(Sampler, ABiasMovesTheBestToken) {
  const std::vector<float> logits = {1, 3, 2};
  SamplingParams p;
  p.temperature = 0;
  EXPECT_EQ(sample(logits, p, {}, {}), 1);
  p.logit_bias = {{1, -100}};
  EXPECT_EQ(sample(logits, p, {}, {}), 2);
  p.logit_bias = {{0, 5}, {1, -100}};
  EXPECT_EQ(sample(logits, p, {}, {}), 0);
  p.temperature = 1;
  const auto kept = distribution(logits, p, {}, {});
  EXPECT_EQ(kept[0].id, 0);
  EXPECT_NEAR(kept[0].probability / kept[1].probability, std::exp(6 - 2), 1e-6);
}

// A vocabulary of DeepSeek's size in every mode; the bound is for a loaded machine, a full sort in
// each draw would not pass it under a sanitizer.
TEST(Sampler, LargeVocabulariesAreNotSorted) {
  const auto logits = random_logits(129280, 3);
  const auto begin = std::chrono::steady_clock::now();
  SamplingParams p;
  for (int i = 0; i < 60; ++i) {
    p.seed = static_cast<uint64_t>(i);
    p.top_p = i % 3 == 1 ? 0.95 : 1;
    p.min_p = i % 3 == 2 ? 0.05 : 0;
    sample(logits, p, {}, {});
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(seconds.count(), 30);
}

}  // namespace
}  // namespace hearth
