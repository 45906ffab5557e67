// See statistics.h.
#include "hearth/eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "hearth/base/check.h"
#include "hearth/base/random.h"

namespace hearth {

Interval wilson95(int64_t right, int64_t n) {
  return wilson95_of_share(n == 0 ? 0 : static_cast<double>(right) / static_cast<double>(n), n);
}

Interval wilson95_of_share(double p, int64_t n) {
  if (n == 0) return {0, 1};
  constexpr double z = 1.959963984540054;  // the 97.5 % point of the normal distribution
  const auto count = static_cast<double>(n);
  const double centre = p + z * z / (2 * count);
  const double spread = z * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count));
  const double scale = 1 + z * z / count;
  return {std::max(0.0, (centre - spread) / scale), std::min(1.0, (centre + spread) / scale)};
}

double mcnemar_exact(int64_t only_a, int64_t only_b) {
  CHECK(only_a >= 0 && only_b >= 0);
  const auto n = static_cast<double>(only_a + only_b);
  const int64_t fewer = std::min(only_a, only_b);
  double tail = 0;  // of the binomial distribution with p = 1/2
  for (int64_t i = 0; i <= fewer; ++i) {
    const auto k = static_cast<double>(i);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) -
                     n * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

Interval bootstrap95(size_t n, int64_t draws,
                     const std::function<double(std::span<const size_t> places)>& score) {
  CHECK(n > 0 && draws > 0);
  std::vector<double> scores;
  std::vector<size_t> places(n);
  uint64_t state = 0;
  for (int64_t draw = 0; draw < draws; ++draw) {
    for (size_t& place : places) {
      state += kSplitMixStep;
      // The high half times the count: the bias is below 2^-32 times the count.
      place = ((splitmix64(state) >> 32) * n) >> 32;
    }
    scores.push_back(score(places));
  }
  std::sort(scores.begin(), scores.end());
  const auto at = [&](double share) {
    return scores[static_cast<size_t>(share * static_cast<double>(draws - 1))];
  };
  return {at(0.025), at(0.975)};
}

Interval bootstrap95_of_mean(std::span<const double> values, int64_t draws) {
  return bootstrap95(values.size(), draws, [&](std::span<const size_t> places) {
    double sum = 0;
    for (const size_t place : places) sum += values[place];
    return sum / static_cast<double>(values.size());
  });
}

}  // namespace hearth
