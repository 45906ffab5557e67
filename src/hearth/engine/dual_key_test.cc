// Two keys, one for guesses: over keys the tokens have the model's distribution, whatever the
// guesses come from; guesses are kept as often as can be; the detector finds the answers.
#include "hearth/engine/dual_key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "hearth/engine/answer_mark.h"
#include "hearth/engine/draws_testing.h"
#include "hearth/engine/testing.h"
#include "hearth/guard/watermark/detector.h"

namespace hearth {
namespace {

using test::expect_fits, test::random_logits;

// One that guesses: what the model says, and noise.
std::vector<float> disturbed(std::vector<float> logits, float noise, uint32_t seed) {
  const std::vector<float> other = random_logits(logits.size(), seed);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] += noise * other[i];
  return logits;
}

SamplingParams params(double temperature, double top_p, double penalty = 1) {
  SamplingParams p;
  p.temperature = temperature;
  p.top_p = top_p;
  p.repetition_penalty = penalty;
  return p;
}

std::map<int32_t, double> by_id(const std::vector<Candidate>& candidates) {
  std::map<int32_t, double> out;
  for (const Candidate& c : candidates) out[c.id] = c.probability;
  return out;
}

struct Case {
  SamplingParams params;
  float noise;  // of the guessing network
};

class DualKey : public testing::TestWithParam<Case> {};

TEST_P(DualKey, OverKeysTheDistributionIsTheModelsAndGuessesAreKeptAsOftenAsCanBe) {
  constexpr int kDraws = 200'000;
  const SamplingParams& p = GetParam().params;
  const std::vector<float> logits = random_logits(40, 3);
  const std::vector<float> guessing = disturbed(logits, GetParam().noise, 4);
  std::vector<uint8_t> banned(logits.size(), 0);
  banned[4] = 1;
  const std::vector<int32_t> tokens = {7, 7, 9, 12};
  const TokenHistory history{tokens, 2};
  const std::map<int32_t, double> expected = by_id(distribution(logits, p, history, banned));
  std::mt19937_64 random(5);
  std::map<int32_t, int> counts;
  std::map<int32_t, double> q;
  int kept = 0;
  for (int i = 0; i < kDraws; ++i) {
    const KeyedPlace place{SipHash({random(), random()}), 0, SipHash({random(), random()})};
    const Guess guess = draw_guess(guessing, p, {}, *place.draft);
    const int32_t id = sample_checked(logits, p, history, banned, place, guess);
    kept += id == guess.id ? 1 : 0;
    ++counts[id];
    if (q.empty()) q = by_id(guess.drawn_from);
  }
  expect_fits(expected, counts, kDraws);
  double possible = 0;  // 1 - the distance of the two
  for (const auto& [id, probability] : expected) {
    possible += std::min(probability, q.contains(id) ? q[id] : 0);
  }
  EXPECT_NEAR(kept / static_cast<double>(kDraws), possible, 0.005);
}

INSTANTIATE_TEST_SUITE_P(Networks, DualKey,
                         testing::Values(Case{params(1, 1), 0.5F}, Case{params(0.6, 0.95), 0.3F},
                                         Case{params(1, 0.9), 2.0F},
                                         Case{params(1.5, 1, 1.3), 1.0F},
                                         Case{params(1, 1), 0.0F}));

// Two guesses, one behind the other, under one key and contexts of the answer itself: where the
// first one falls, its successor was drawn for nothing, and the next token comes without a guess.
TEST(DualKeys, OverKeysTwoTokensFitTogether) {
  constexpr int kDraws = 200'000;
  const SamplingParams p = params(2.5, 1);
  const std::vector<float> first = random_logits(12, 9);
  std::vector<std::vector<float>> second;
  for (uint32_t i = 0; i < 12; ++i) second.push_back(random_logits(12, 50 + i));
  const auto guessing = [](const std::vector<float>& logits) { return disturbed(logits, 1, 77); };
  std::map<std::pair<int32_t, int32_t>, double> expected;
  for (const Candidate& a : distribution(first, p, {}, {})) {
    for (const Candidate& b : distribution(second[static_cast<size_t>(a.id)], p, {}, {})) {
      expected[{a.id, b.id}] = a.probability * b.probability;
    }
  }
  std::mt19937_64 random(6);
  std::map<std::pair<int32_t, int32_t>, int> counts;
  int fell = 0;
  for (int i = 0; i < kDraws; ++i) {
    const SipKey key{random(), random()}, draft_key{random(), random()};
    const auto place_behind = [&](std::vector<int32_t> text) {
      watermark::Contexts contexts(2);
      for (const int32_t id : text) contexts.take(id);
      return KeyedPlace{contexts.here()->under(key), 0, contexts.here()->under(draft_key)};
    };
    const KeyedPlace start = place_behind({1, 2});
    const Guess one = draw_guess(guessing(first), p, {}, *start.draft);
    const KeyedPlace ahead = place_behind({1, 2, one.id});
    const Guess two =
        draw_guess(guessing(second[static_cast<size_t>(one.id)]), p, {}, *ahead.draft);
    const int32_t a = sample_checked(first, p, {}, {}, start, one);
    const std::vector<float>& row = second[static_cast<size_t>(a)];
    const KeyedPlace place = place_behind({1, 2, a});
    fell += a == one.id ? 0 : 1;
    const int32_t b = a == one.id ? sample_checked(row, p, {}, {}, place, two)
                                  : sample_keyed(row, p, {}, {}, place);
    ++counts[{a, b}];
  }
  EXPECT_GT(fell, kDraws / 20);
  expect_fits(expected, counts, kDraws);
}

watermark::Mark mark_of(uint64_t key, bool dual_key) {
  watermark::Mark mark;
  mark.keys.source = "test/mini";
  mark.keys.race = {key, 1};
  mark.keys.green = {key, 2};
  if (dual_key) mark.keys.draft = SipKey{key, 3};
  mark.green_bias = watermark::Policy::kGreenBias;
  mark.thinking = false;
  return mark;
}

struct Outcome {
  std::vector<int32_t> tokens;
  DraftStats drafts;
};

// The bundled model, whose guesses come from itself in four bits; null: from nothing.
Outcome answer_of(const Model* guessing, uint64_t key, bool dual_key, double temperature,
                  int64_t tokens) {
  auto& mini = test::Mini::get();
  TokenRequest r;
  r.prompt = mini.model->plain("12+30=", false).ids;
  r.max_tokens = tokens;
  r.sampling.temperature = temperature;
  r.sampling.seed = key;
  const watermark::Mark mark = mark_of(key, dual_key);
  r.keyed = make_mark(mini.model->tokenizer(), AnswerStream::Form::raw, mark, r.sampling);
  r.dual_key = dual_key;
  EngineOptions options;
  options.context = 1024;
  options.draft_model = guessing;
  options.drafts_always = true;
  options.drafts_max = 3;
  Engine engine(mini.model->model(), mini.backend, options, mini.model->banned());
  test::Answer answer;
  EXPECT_TRUE(engine.submit(std::move(r), test::into(answer)).has_value());
  while (!engine.idle()) engine.step();
  return {answer.tokens, engine.draft_stats()};
}

const Model& coarse_mini() {
  static const std::unique_ptr<TextModel> coarse = [] {
    LoadOptions options;
    options.dtype = Format::q4_0;
    auto loaded =
        TextModel::load(HEARTH_SOURCE_DIR "/assets/mini", test::Mini::get().backend, options);
    CHECK(loaded.has_value());
    return *std::move(loaded);
  }();
  return coarse->model();
}

double p_value(const std::vector<int32_t>& tokens, uint64_t key) {
  const watermark::SourceKeys keys[] = {mark_of(key, true).keys};
  return watermark::detect(tokens, keys).p_value;
}

TEST(DualKeyEngine, AnswersAreFoundByTheirKeysAlone) {
  for (const uint64_t key : {11u, 12u, 13u}) {
    const Outcome guessed = answer_of(&coarse_mini(), key, true, 3, 400);
    EXPECT_GT(guessed.drafts.accepted, 0);
    EXPECT_LT(guessed.drafts.accepted, guessed.drafts.drafted);
    EXPECT_LT(p_value(guessed.tokens, key), 1e-6);
    EXPECT_GT(p_value(guessed.tokens, key + 100), 1e-3);
  }
}

// A network that says what the model says is never wrong, though both draw.
TEST(DualKeyEngine, TheModelsOwnGuessesAreAllKept) {
  const Outcome own = answer_of(&test::Mini::get().model->model(), 5, true, 1.5, 200);
  // The first tokens have no place yet: their guesses are compared.
  EXPECT_GE(own.drafts.accepted + 3 * watermark::kWindowDefault, own.drafts.drafted);
  EXPECT_GT(own.drafts.accepted, 120);
}

// Without a network that guesses the second key does nothing.
TEST(DualKeyEngine, WithoutGuessesItIsTheMarkOfOneKey) {
  EXPECT_EQ(answer_of(nullptr, 9, true, 1.2, 100).tokens,
            answer_of(nullptr, 9, false, 1.2, 100).tokens);
  EXPECT_EQ(answer_of(&coarse_mini(), 9, true, 0, 60).tokens,
            answer_of(nullptr, 9, false, 0, 60).tokens)
      << "greedy";
}

// The engine's whole way, over keys: which token stands at a place of the answer, with guesses by
// another network and without any. Two samples of one law.
TEST(DualKeyEngine, OverKeysAnswersHaveOneDistribution) {
  constexpr uint64_t kKeys = 300;
  constexpr int64_t kTokens = 14;
  for (const size_t at : {size_t{6}, size_t{13}}) {
    std::map<int32_t, std::array<double, 2>> counts;
    for (uint64_t k = 0; k < kKeys; ++k) {
      counts[answer_of(&coarse_mini(), 1000 + k, true, 3, kTokens).tokens.at(at)][0] += 1;
      counts[answer_of(nullptr, 900'000 + k, false, 3, kTokens).tokens.at(at)][1] += 1;
    }
    double sum = 0;
    int cells = 0;
    for (const auto& [id, n] : counts) {
      if (n[0] + n[1] < 8) continue;
      sum += (n[0] - n[1]) * (n[0] - n[1]) / (n[0] + n[1]);
      ++cells;
    }
    ASSERT_GE(cells, 8);
    EXPECT_LT(sum,
              quantile(complement(boost::math::chi_squared_distribution<double>(cells), 1e-3)));
  }
}

}  // namespace
}  // namespace hearth
