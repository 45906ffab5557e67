// Contenders: on every instruction set here nobody is ruled out who would win, nearly all others
// are, and the winner of a race is that of all its logarithms.
#include "hearth/engine/contenders.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "hearth/engine/keyed_sampler.h"
#include "hearth/guard/watermark/contexts.h"

namespace hearth {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

SipHash random_place(std::mt19937_64& random) {
  SipHash place({random(), random()});
  for (uint64_t words = random() % 3; words > 0; --words) place.absorb(random());
  return place;
}

double reached(const SipHash& place, int32_t id, double logit) {
  return logit - std::log(-std::log(open_unit(watermark::number_of(place, id))));
}

using Row = std::array<double, kContendersAtOnce>;

TEST(Contenders, NobodyIsRuledOutWhoWouldWin) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> any(-40, 5), little(-1e-12, 1e-12);
  for (Contenders* here : all_contenders()) {
    for (int round = 0; round < 20'000; ++round) {
      const SipHash place = random_place(random);
      const auto first = static_cast<int32_t>(random() % 200'000);
      Row logits;
      for (double& l : logits) l = any(random);
      // Where one of them stands, nearly: the hardest `most` to beat.
      const size_t near = random() % kContendersAtOnce;
      const double most = reached(place, first + static_cast<int32_t>(near), logits[near]) +
                          (round % 2 == 0 ? little(random) : any(random));
      const uint32_t kept = here(place, first, logits.data(), most);
      for (size_t i = 0; i < kContendersAtOnce; ++i) {
        if (reached(place, first + static_cast<int32_t>(i), logits[i]) > most) {
          EXPECT_TRUE(kept >> i & 1) << round << " " << i;
        }
      }
    }
  }
}

TEST(Contenders, NearlyAllOthersAre) {
  std::mt19937_64 random(4);
  for (Contenders* here : all_contenders()) {
    // exp(-y) is the share that may win, the bound lets somewhat more through.
    for (const auto& [y, share] : {std::pair(1., 0.38), {4., 0.035}, {12., 1.5e-3}}) {
      Row logits;
      logits.fill(-y);
      const SipHash place = random_place(random);
      int kept = 0;
      for (int32_t first = 0; first < 400'000; first += kContendersAtOnce) {
        kept += std::popcount(here(place, first, logits.data(), 0));
      }
      EXPECT_LT(kept, share * 400'000) << y;
      EXPECT_GT(kept, std::exp(-y) * 0.8 * 400'000 - 5) << y;
    }
  }
}

TEST(Contenders, RowsThatHoldNoNumbers) {
  std::mt19937_64 random(5);
  const SipHash place = random_place(random);
  for (Contenders* here : all_contenders()) {
    const Row logits = {0, -kInfinity, kNoNumber, kInfinity, 0, -kInfinity, 0, 0};
    // Before anybody has run, nobody is ruled out who has a logit.
    EXPECT_EQ(here(place, 0, logits.data(), -kInfinity) & 0b11011001u, 0b11011001u);
    EXPECT_EQ(here(place, 0, logits.data(), 1e6) & 0b11110010u, 0b00000000u);
    EXPECT_EQ(here(place, 0, logits.data(), 1e6) & 0b00001000u, 0b00001000u);
  }
}

TEST(Contenders, TheWinnerIsThatOfAllLogarithms) {
  std::mt19937_64 random(6);
  std::normal_distribution<float> normal;
  for (const float spread : {0.1f, 1.f, 4.f}) {
    for (int round = 0; round < 40; ++round) {
      std::vector<float> logits(static_cast<size_t>(3000 + round));  // not always whole rows
      for (float& l : logits) l = spread * normal(random);
      const SipHash place = random_place(random);
      int32_t best = 0;
      for (size_t i = 1; i < logits.size(); ++i) {
        const auto id = static_cast<int32_t>(i);
        const double now = reached(place, id, double{logits[i]} / 0.9);
        if (now > reached(place, best, double{logits[static_cast<size_t>(best)]} / 0.9)) best = id;
      }
      SamplingParams params;
      params.temperature = 0.9;
      EXPECT_EQ(sample_keyed(logits, params, {}, {}, {place}), best);
      std::vector<Candidate> list;
      for (size_t i = 0; i < logits.size(); ++i) {
        list.push_back({static_cast<int32_t>(i), std::exp(double{logits[i]} / 0.9)});
      }
      EXPECT_EQ(race(list, place), best);
    }
  }
}

}  // namespace
}  // namespace hearth
