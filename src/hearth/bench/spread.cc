// See spread.h.
#include "hearth/bench/spread.h"

#include <algorithm>

#include "hearth/base/check.h"

namespace hearth {

Spread spread_of(std::vector<double> values) {
  CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  const double upper = values[half];
  const double lower = values.size() % 2 == 0 ? values[half - 1] : upper;
  return {(lower + upper) / 2, values.front(), values.back()};
}

}  // namespace hearth
