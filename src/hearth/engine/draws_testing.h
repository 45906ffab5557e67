// What the tests of draws share: logits to draw from, and whether what was drawn has a
// distribution.
#pragma once

#include <gtest/gtest.h>

#include <boost/math/distributions/chi_squared.hpp>
#include <map>
#include <random>
#include <vector>

namespace hearth::test {

inline std::vector<float> random_logits(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> out(count);
  for (float& l : out) l = normal(random);
  return out;
}

// Whether counts fit probabilities; refuses what fits once in a thousand times, or not at all.
template <typename Key>
void expect_fits(const std::map<Key, double>& expected, const std::map<Key, int>& counts,
                 double draws) {
  double sum = 0, rest = draws;
  int cells = 0;
  for (const auto& [key, probability] : expected) {
    if (probability * draws < 10) continue;  // together in one cell, below
    const auto found = counts.find(key);
    const double difference = (found == counts.end() ? 0 : found->second) - probability * draws;
    sum += difference * difference / (probability * draws);
    rest -= probability * draws;
    ++cells;
  }
  for (const auto& [key, count] : counts) EXPECT_TRUE(expected.contains(key));
  ASSERT_GT(cells, 2);
  const boost::math::chi_squared_distribution<double> law(cells - (rest < 10 ? 1 : 0));
  EXPECT_LT(sum, quantile(complement(law, 1e-3)));
}

}  // namespace hearth::test
