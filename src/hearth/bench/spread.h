// The median of repeated measurements and how far they lie apart.
#pragma once

#include <vector>

namespace hearth {

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

// At least one value. The median of an even number is the mean of the middle two.
Spread spread_of(std::vector<double> values);

}  // namespace hearth
