// Confidence for shares: how far a measured score may be from the true one.
#pragma once

#include <cstdint>

namespace hearth {

struct Interval {
  double low, high;
};

// Wilson's 95 % score interval of `right` out of `n` (Wilson 1927); [0, 1] for n = 0.
Interval wilson95(int64_t right, int64_t n);
// The same for a mean of `n` items that are each right in part (the mean of several samples): the
// items are what is independent.
Interval wilson95_of_share(double share, int64_t n);

}  // namespace hearth
