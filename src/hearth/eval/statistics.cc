// See statistics.h.
#include "hearth/eval/statistics.h"

#include <algorithm>
#include <cmath>

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

}  // namespace hearth
