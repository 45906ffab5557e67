// Rotary frequencies against formulas written a second time, from the papers and from
// transformers' documentation, and the two layouts of pairs against each other.
#include "hearth/backend/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "hearth/backend/testing.h"

namespace hearth {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

TEST(Rope, PlainFrequenciesAreAGeometricSeries) {
  const Rope rope = Rope::plain(8, 10000, RopePairs::halves);
  ASSERT_EQ(rope.inv_freq.size(), 4u);
  const double expected[] = {1, 0.1, 0.01, 0.001};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(rope.inv_freq[i], expected[i], 1e-15);
}

TEST(Rope, LinearScalingIsPositionOverFactor) {
  const Rope plain = Rope::plain(64, 500000, RopePairs::halves);
  Rope scaled = plain;
  scaled.scale_linear(4);
  float cos_a[32], sin_a[32], cos_b[32], sin_b[32];
  plain.angles(25, cos_a, sin_a);
  scaled.angles(100, cos_b, sin_b);
  for (size_t i = 0; i < 32; ++i) {
    EXPECT_NEAR(cos_a[i], cos_b[i], 1e-6);
    EXPECT_NEAR(sin_a[i], sin_b[i], 1e-6);
  }
}

// Llama 3.1: wavelengths beyond 8192 / 1 are stretched 8 times, those below 8192 / 4 kept, and in
// between the share of the kept frequency grows linearly with context / wavelength from 1 to 4.
TEST(Rope, Llama3KeepsShortWavesAndStretchesLongOnes) {
  const Rope plain = Rope::plain(128, 500000, RopePairs::halves);
  Rope scaled = plain;
  scaled.scale(Llama3Scaling{});
  int kept = 0, stretched = 0, between = 0;
  for (size_t i = 0; i < 64; ++i) {
    const double turns = 8192 * plain.inv_freq[i] / kTwoPi;  // within the original context
    double share = (turns - 1) / 3;
    kept += share >= 1;
    stretched += share <= 0;
    between += share > 0 && share < 1;
    share = std::min(1.0, std::max(0.0, share));
    const double expected = plain.inv_freq[i] * (share + (1 - share) / 8);
    EXPECT_NEAR(scaled.inv_freq[i] / expected, 1, 1e-12) << "pair " << i;
  }
  EXPECT_GT(kept, 20);
  EXPECT_GT(stretched, 20);
  EXPECT_GT(between, 2);
  EXPECT_EQ(scaled.magnitude, 1);
}

// YaRN, section 3.2: gamma rises from 0 to 1 between the dimension that turns beta_fast times in
// the original context and the one that turns beta_slow times; both rounded outwards, as published.
TEST(Rope, YarnBlendsByTurnsInTheOriginalContext) {
  YarnScaling s;
  s.factor = 40;
  s.mscale = 0.707;
  s.mscale_all_dim = 1;
  for (const double original : {4096.0, 32768.0}) {
    s.original_max_position_embeddings = original;
    const Rope plain = Rope::plain(64, 10000, RopePairs::interleaved);
    Rope scaled = plain;
    scaled.scale(s, 10000);
    // original * theta^(-2 i / d) / 2 pi = beta, solved for i by bisection.
    const auto dimension_of = [&](double beta) {
      double low = 0, high = 64;
      for (int step = 0; step < 200; ++step) {
        const double i = (low + high) / 2;
        (original * std::pow(10000.0, -2 * i / 64) / kTwoPi > beta ? low : high) = i;
      }
      return low;
    };
    const double from = std::floor(dimension_of(32));
    const double to = std::ceil(dimension_of(1));
    ASSERT_LT(from, to);
    for (size_t i = 0; i < 32; ++i) {
      double ramp = (static_cast<double>(i) - from) / (to - from);
      ramp = std::min(1.0, std::max(0.0, ramp));
      const double expected = plain.inv_freq[i] * (1 - ramp) + plain.inv_freq[i] / 40 * ramp;
      EXPECT_NEAR(scaled.inv_freq[i] / expected, 1, 1e-12) << "pair " << i;
    }
    const double log = std::log(40.0);
    EXPECT_NEAR(scaled.magnitude, (0.0707 * log + 1) / (0.1 * log + 1), 1e-12);
  }
}

TEST(Rope, YarnMagnitudes) {
  EXPECT_EQ(yarn_mscale(1, 5), 1);
  EXPECT_NEAR(yarn_mscale(40, 1), 1.3688879, 1e-7);  // DeepSeek-V3: scale * 1.3689^2
  Rope rope = Rope::plain(64, 10000, RopePairs::halves);
  YarnScaling s;
  s.factor = 40;
  s.mscale = 1;
  s.mscale_all_dim = 1;
  rope.scale(s, 10000);
  EXPECT_EQ(rope.magnitude, 1);  // V3 and R1: the two cancel, and only the softmax is scaled
  s.deepseek = false;
  s.attention_factor = 0.5;
  rope.scale(s, 10000);
  EXPECT_EQ(rope.magnitude, 0.5);
}

// Short contexts put both ends of the ramp at one dimension: no division by zero.
TEST(Rope, YarnWithoutARampStaysFinite) {
  for (const double original : {1.0, 2.0, 7.0, 1e9}) {
    for (const int64_t dims : {2, 4, 64}) {
      YarnScaling s;
      s.factor = 2;
      s.original_max_position_embeddings = original;
      Rope rope = Rope::plain(dims, 10000, RopePairs::halves);
      rope.scale(s, 10000);
      for (double f : rope.inv_freq) EXPECT_TRUE(std::isfinite(f) && f > 0);
    }
  }
}

TEST(Rope, AnglesAreExactFarOut) {
  const Rope rope = Rope::plain(4, 10000, RopePairs::halves);
  float cos[2], sin[2];
  rope.angles(163839, cos, sin);
  EXPECT_NEAR(cos[0], std::cos(163839.0), 1e-7);  // float angles would be off by 1e-3 here
  EXPECT_NEAR(sin[1], std::sin(1638.39), 1e-7);
}

// halves(x) = P^-1 interleaved(P x), P taking dimension i of the first half to 2 i and of the
// second to 2 i + 1.
TEST(Rope, LayoutsAreOneRotationUpToAPermutation) {
  for (const int64_t dims : {2, 6, 64}) {
    const Rope halves = Rope::plain(dims, 10000, RopePairs::halves);
    const Rope interleaved = Rope::plain(dims, 10000, RopePairs::interleaved);
    const auto half = static_cast<size_t>(dims / 2);
    std::vector<float> cos(half), sin(half);
    halves.angles(12345, cos.data(), sin.data());
    std::vector<float> a = testing_backend::normal(dims, 1);
    std::vector<float> b(a.size());
    for (size_t i = 0; i < half; ++i) {
      b[2 * i] = a[i];
      b[2 * i + 1] = a[half + i];
    }
    halves.rotate(a.data(), cos.data(), sin.data());
    interleaved.rotate(b.data(), cos.data(), sin.data());
    for (size_t i = 0; i < half; ++i) {
      EXPECT_EQ(a[i], b[2 * i]);
      EXPECT_EQ(a[half + i], b[2 * i + 1]);
    }
  }
}

// What rotary embedding is for: scores depend on the distance alone.
TEST(Rope, ScoresDependOnDistance) {
  const Rope rope = Rope::plain(16, 10000, RopePairs::interleaved);
  const auto score = [&](int64_t query_at, int64_t key_at) {
    std::vector<float> q = testing_backend::normal(16, 1), k = testing_backend::normal(16, 2);
    float cos[8], sin[8];
    rope.angles(query_at, cos, sin);
    rope.rotate(q.data(), cos, sin);
    rope.angles(key_at, cos, sin);
    rope.rotate(k.data(), cos, sin);
    double sum = 0;
    for (size_t i = 0; i < 16; ++i) sum += static_cast<double>(q[i]) * k[i];
    return sum;
  };
  EXPECT_NEAR(score(100, 60), score(1040, 1000), 1e-5);
  EXPECT_GT(std::abs(score(100, 60) - score(100, 70)), 1e-3);
}

}  // namespace
}  // namespace hearth
