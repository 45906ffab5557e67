// Confidence for shares and for differences: how far a measured score may be from the true one, and
// whether two runs of the same items differ by more than chance.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace hearth {

struct Interval {
  double low, high;
};

// Wilson's 95 % score interval of `right` out of `n` (Wilson 1927); [0, 1] for n = 0.
Interval wilson95(int64_t right, int64_t n);
// The same for a mean of `n` items that are each right in part (the mean of several samples): the
// items are what is independent.
Interval wilson95_of_share(double share, int64_t n);

// McNemar's exact test: the chance, were both runs equally good, that of the items which only one
// of them has right the split is as uneven as `only_a` to `only_b` or more, either way round.
double mcnemar_exact(int64_t only_a, int64_t only_b);

// 95 % interval of a score of `n` items together (BLEU of a corpus, a mean): draws n of them with
// repeats, `draws` times; `score` is told their places (the percentile bootstrap, Efron 1979). A
// function of its input.
Interval bootstrap95(size_t n, int64_t draws,
                     const std::function<double(std::span<const size_t> places)>& score);

// 95 % interval of a mean by drawing as many values, with repeats, `draws` times. Of paired
// differences it is the paired bootstrap.
Interval bootstrap95_of_mean(std::span<const double> values, int64_t draws = 10'000);

}  // namespace hearth
