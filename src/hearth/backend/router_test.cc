// The router against the paper's words: hand-made cases for each usual mistake, and random ones
// against a second, naive implementation.
#include "hearth/backend/router.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include "hearth/backend/testing.h"

namespace hearth {
namespace {

struct Chosen {
  std::vector<int32_t> ids;
  std::vector<float> weights;
};

// Logits whose sigmoid is the given score.
std::vector<float> logits_of(std::vector<double> scores) {
  std::vector<float> logits;
  for (double s : scores) logits.push_back(static_cast<float>(std::log(s / (1 - s))));
  return logits;
}

Weight vector_of(std::vector<float> values) {
  Weight weight = testing_backend::make_vector(static_cast<int64_t>(values.size()), 1, 0);
  std::copy(values.begin(), values.end(), weight.tensor.f32().begin());
  return weight;
}

Chosen choose(const RouteExperts& args, const std::vector<float>& logits) {
  Chosen out;
  out.ids.resize(static_cast<size_t>(args.num_experts_per_tok), -1);
  out.weights.resize(out.ids.size());
  choose_experts(args, logits, out.ids.data(), out.weights.data());
  return out;
}

RouteExperts routing(int64_t chosen) {
  RouteExperts r;
  r.num_experts_per_tok = chosen;
  r.norm_topk_prob = false;
  return r;
}

using Ids = std::vector<int32_t>;

TEST(Router, TheBiasChoosesAndNeverMixes) {
  RouteExperts r = routing(2);
  const Weight bias = vector_of({0, 0, 0.9f, 0});
  r.correction_bias = &bias;
  const Chosen c = choose(r, logits_of({0.8, 0.7, 0.1, 0.6}));
  EXPECT_EQ(c.ids, (Ids{2, 0}));  // 1.0 and 0.8 when biased
  EXPECT_NEAR(c.weights[0], 0.1, 1e-6);
  EXPECT_NEAR(c.weights[1], 0.8, 1e-6);
}

TEST(Router, GroupsLimitTheChoice) {
  // The best two experts of all lie in groups 0 and 2; group 1 has the best sum of two.
  const auto logits = logits_of({0.9, 0.1, 0.6, 0.55, 0.8, 0.05});
  RouteExperts r = routing(2);
  r.n_group = 3;
  r.topk_group = 1;
  EXPECT_EQ(choose(r, logits).ids, (Ids{2, 3}));
  r.group_score = GroupScore::best;  // V2: by the best member
  EXPECT_EQ(choose(r, logits).ids, (Ids{0, 1}));
  r.n_group = 1;
  EXPECT_EQ(choose(r, logits).ids, (Ids{0, 4}));
}

TEST(Router, TheBiasAlsoChoosesGroups) {
  RouteExperts r = routing(1);
  r.n_group = 2;
  r.topk_group = 1;
  const Weight bias = vector_of({0, 0, 0.3f, 0.3f});
  r.correction_bias = &bias;
  // Without the bias expert 0; with it group 1 wins (1.1 > 1.0), and in it expert 2.
  EXPECT_EQ(choose(r, logits_of({0.9, 0.1, 0.3, 0.2})).ids, (Ids{2}));
}

TEST(Router, NormalisesAndScales) {
  RouteExperts r = routing(2);
  const auto logits = logits_of({0.6, 0.2, 0.3});
  r.routed_scaling_factor = 2.5;
  EXPECT_NEAR(choose(r, logits).weights[0], 1.5, 1e-6);
  r.norm_topk_prob = true;
  const Chosen c = choose(r, logits);
  EXPECT_NEAR(c.weights[0], 2.5 * 0.6 / 0.9, 1e-6);
  EXPECT_NEAR(c.weights[1], 2.5 * 0.3 / 0.9, 1e-6);
}

TEST(Router, SoftmaxScoresAreThoseOfAllExperts) {
  RouteExperts r = routing(2);
  r.scoring = ExpertScoring::softmax;
  r.group_score = GroupScore::best;
  const Chosen c = choose(r, {std::log(1.0f), std::log(5.0f), std::log(4.0f)});
  EXPECT_EQ(c.ids, (Ids{1, 2}));
  EXPECT_NEAR(c.weights[0], 0.5, 1e-6);
  EXPECT_NEAR(c.weights[1], 0.4, 1e-6);
  // Large logits must not overflow.
  EXPECT_NEAR(choose(r, {10000, -10000, 9999}).weights[0], 1 / (1 + std::exp(-1.0)), 1e-6);
}

TEST(Router, EqualScoresGoToTheLowerId) {
  RouteExperts r = routing(3);
  EXPECT_EQ(choose(r, {1, 2, 2, 1, 2, 2}).ids, (Ids{1, 2, 4}));
  r.n_group = 3;
  r.topk_group = 2;
  EXPECT_EQ(choose(r, std::vector<float>(6, 0.5f)).ids, (Ids{0, 1, 2}));
}

// A NaN (a broken checkpoint) must not choose an expert that does not exist or one twice.
TEST(Router, NanChoosesValidDistinctExperts) {
  std::mt19937 random(3);
  for (const ExpertScoring scoring : {ExpertScoring::sigmoid, ExpertScoring::softmax}) {
    for (int round = 0; round < 500; ++round) {
      RouteExperts r = routing(8);
      r.scoring = scoring;
      r.n_group = round % 2 ? 8 : 1;
      r.topk_group = round % 2 ? 3 : 1;
      std::vector<float> logits = testing_backend::normal(64, static_cast<uint32_t>(round));
      for (float& l : logits) {
        if (random() % 3 == 0) l = NAN;
        if (random() % 9 == 0) l = INFINITY;
      }
      const Chosen c = choose(r, logits);
      const std::set<int32_t> distinct(c.ids.begin(), c.ids.end());
      ASSERT_EQ(distinct.size(), 8u);
      ASSERT_GE(*distinct.begin(), 0);
      ASSERT_LT(*distinct.rbegin(), 64);
    }
  }
}

// A NaN logit counts as the worst, on every platform: the others are chosen as if it were absent.
TEST(Router, NanIsTheLastChoice) {
  RouteExperts r = routing(3);
  EXPECT_EQ(choose(r, {NAN, 1, NAN, 3, 2}).ids, (Ids{3, 4, 1}));
  EXPECT_EQ(choose(r, {NAN, 1, NAN, 3, NAN}).ids, (Ids{3, 1, 0}));
}

// The same rules by repeated search for a maximum, without the library's sorting.
Chosen naive(const RouteExperts& r, const std::vector<float>& logits) {
  const size_t n = logits.size();
  std::vector<double> score(n), choice(n);
  double sum = 0;
  for (float l : logits) sum += std::exp(static_cast<double>(l));
  for (size_t e = 0; e < n; ++e) {
    const double x = logits[e];
    score[e] = r.scoring == ExpertScoring::sigmoid ? 1 / (1 + std::exp(-x)) : std::exp(x) / sum;
    choice[e] = score[e] + (r.correction_bias ? r.correction_bias->vector()[e] : 0);
  }
  const auto groups = static_cast<size_t>(r.n_group);
  const size_t size = n / groups;
  std::set<size_t> kept;
  while (kept.size() < static_cast<size_t>(r.topk_group)) {
    size_t best = groups;
    double best_value = 0;
    for (size_t g = 0; g < groups; ++g) {
      double first = -1e300, second = -1e300;
      for (size_t e = g * size; e < (g + 1) * size; ++e) {
        if (choice[e] > first) {
          second = first;
          first = choice[e];
        } else if (choice[e] > second) {
          second = choice[e];
        }
      }
      const bool two = r.group_score == GroupScore::best_two && size > 1;
      const double value = two ? first + second : first;
      if (kept.contains(g) || (best < groups && value <= best_value)) continue;
      best = g;
      best_value = value;
    }
    kept.insert(best);
  }
  Chosen out;
  double total = 0;
  std::set<size_t> taken;
  for (int64_t k = 0; k < r.num_experts_per_tok; ++k) {
    size_t best = n;
    for (size_t e = 0; e < n; ++e) {
      if (r.n_group > 1 && !kept.contains(e / size)) continue;
      if (!taken.contains(e) && (best == n || choice[e] > choice[best])) best = e;
    }
    taken.insert(best);
    out.ids.push_back(static_cast<int32_t>(best));
    out.weights.push_back(static_cast<float>(score[best]));
    total += score[best];
  }
  for (float& w : out.weights) {
    w = static_cast<float>(w / (r.norm_topk_prob ? total : 1) * r.routed_scaling_factor);
  }
  return out;
}

TEST(Router, AgreesWithANaiveRouter) {
  std::mt19937 random(11);
  std::map<std::string, int> seen;
  for (uint32_t round = 0; round < 3000; ++round) {
    RouteExperts r = routing(1);
    const int64_t size = 1 + static_cast<int64_t>(random() % 8);
    r.n_group = 1 + static_cast<int64_t>(random() % 8);
    r.topk_group = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(r.n_group));
    const int64_t reach = size * (r.n_group > 1 ? r.topk_group : 1);
    r.num_experts_per_tok = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(reach));
    r.scoring = random() % 2 ? ExpertScoring::sigmoid : ExpertScoring::softmax;
    r.group_score = random() % 2 ? GroupScore::best : GroupScore::best_two;
    r.norm_topk_prob = random() % 2;
    r.routed_scaling_factor = random() % 2 ? 1 : 2.5;
    std::vector<float> logits = testing_backend::normal(size * r.n_group, round);
    if (random() % 4 == 0) {
      for (float& l : logits) l = std::round(l);  // ties
    }
    const Weight bias = testing_backend::make_vector(size * r.n_group, round, 0);
    if (random() % 2) r.correction_bias = &bias;
    const Chosen expected = naive(r, logits);
    const Chosen found = choose(r, logits);
    ASSERT_EQ(found.ids, expected.ids) << "round " << round;
    for (size_t k = 0; k < found.weights.size(); ++k) {
      ASSERT_NEAR(found.weights[k], expected.weights[k], 1e-6 * std::abs(expected.weights[k]));
    }
  }
}

}  // namespace
}  // namespace hearth
