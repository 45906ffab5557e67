// Passes over a whole row of logits, four floats at a time: what makes a vocabulary of 152,000
// cheap to sample from. Their results are exact (maxima) or bounded (sums); the sampler decides
// with them what it then computes in double for a few tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth {

inline constexpr size_t kScanBlock = 64;  // logits that are summed up together

constexpr size_t scan_blocks(size_t logits) {
  return (logits + kScanBlock - 1) / kScanBlock;
}

// The largest of each block to `maxima` [scan_blocks]; banned ids and NaN don't count, -inf where
// nothing does. With `values` [64 scan_blocks] the logits are copied there, banned ones as -inf.
void scan_maxima(std::span<const float> logits, std::span<const uint8_t> banned,
                 std::span<float> maxima, std::span<float> values = {});

// The sum over each block of e^((value - top) / temperature) to `sums`; returns the sum of all.
// `values` and `maxima` are those of scan_maxima; `top`, finite, is the largest of them.
double sum_exponentials(std::span<const float> values, float top, double temperature,
                        std::span<double> sums);

// Bound of |sum - true sum| / sum, for the sum of all and for every part counted against it.
double sum_error(double sum, size_t logits);

}  // namespace hearth
