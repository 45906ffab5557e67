// See logit_scan.h.
#include "hearth/engine/logit_scan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace hearth {
namespace {

// Vector types of the compiler: SSE2 and NEON are in every machine that we run on.
using Float4 = float __attribute__((vector_size(16)));
using Int4 = int32_t __attribute__((vector_size(16)));

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr Float4 kNever4 = {kNever, kNever, kNever, kNever};

Float4 load(const float* p) {
  Float4 v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

Float4 splat(float v) {
  return Float4{v, v, v, v};
}

// b where a is NaN.
Float4 larger(Float4 a, Float4 b) {
  return a > b ? a : b;
}

float block_maximum(const float* v) {
  Float4 m0 = kNever4, m1 = kNever4, m2 = kNever4, m3 = kNever4;
  for (size_t i = 0; i < kScanBlock; i += 16) {
    m0 = larger(load(v + i), m0);
    m1 = larger(load(v + i + 4), m1);
    m2 = larger(load(v + i + 8), m2);
    m3 = larger(load(v + i + 12), m3);
  }
  const Float4 m = larger(larger(m0, m1), larger(m2, m3));
  return std::max(std::max(m[0], m[1]), std::max(m[2], m[3]));
}

bool any_set(std::span<const uint8_t> flags) {
  uint64_t any = 0;
  size_t i = 0;
  for (; i + 8 <= flags.size(); i += 8) {
    uint64_t eight;
    std::memcpy(&eight, flags.data() + i, 8);
    any |= eight;
  }
  for (; i < flags.size(); ++i) any |= flags[i];
  return any != 0;
}

// 2^y of numbers in [-124, 0]: 2^n by the exponent's bits, times a Taylor series of e^(f ln 2) with
// |f| <= 1/2, whose first term left out is (ln 2 / 2)^7 / 7! = 1.2e-7.
Float4 exp2_of(Float4 y) {
  constexpr float kRound = 12582912;  // 1.5 * 2^23: adding it rounds to a whole number
  const Float4 shifted = y + splat(kRound);
  const Float4 f = (y - (shifted - splat(kRound))) * splat(0.693147181f);
  Float4 e = splat(1.f / 720) * f + splat(1.f / 120);
  e = e * f + splat(1.f / 24);
  e = e * f + splat(1.f / 6);
  e = e * f + splat(0.5f);
  e = e * f + splat(1);
  e = e * f + splat(1);
  Int4 n, bits;
  std::memcpy(&n, &shifted, sizeof(n));
  std::memcpy(&bits, &e, sizeof(bits));
  bits += (n - 0x4b400000) << 23;  // kRound's bits
  std::memcpy(&e, &bits, sizeof(e));
  return e;
}

}  // namespace

void scan_maxima(std::span<const float> logits, std::span<const uint8_t> banned,
                 std::span<float> maxima, std::span<float> values) {
  float patched[kScanBlock];
  for (size_t b = 0; b < maxima.size(); ++b) {
    const size_t begin = b * kScanBlock;
    const size_t count = std::min(kScanBlock, logits.size() - begin);
    const size_t known = std::min(banned.size(), begin + count);
    const auto flags = known > begin ? banned.subspan(begin, known - begin) : banned.first(0);
    const float* block = logits.data() + begin;
    if (count < kScanBlock || any_set(flags)) {
      std::fill(std::copy_n(block, count, patched), patched + kScanBlock, kNever);
      for (size_t i = 0; i < flags.size(); ++i) patched[i] = flags[i] ? kNever : patched[i];
      block = patched;
    }
    maxima[b] = block_maximum(block);
    if (!values.empty()) std::memcpy(values.data() + begin, block, sizeof(patched));
  }
}

double sum_exponentials(std::span<const float> values, float top, double temperature,
                        std::span<double> sums) {
  const auto scale = static_cast<float>(1.4426950408889634 / temperature);  // 1 / ln 2
  const Float4 least = splat(-124);  // 2^-124: as good as nothing, and not yet denormal
  double all = 0;
  for (size_t b = 0; b < sums.size(); ++b) {
    Float4 sum0 = splat(0), sum1 = splat(0);
    const float* v = values.data() + b * kScanBlock;
    for (size_t i = 0; i < kScanBlock; i += 8) {
      sum0 += exp2_of(larger((load(v + i) - splat(top)) * splat(scale), least));
      sum1 += exp2_of(larger((load(v + i + 4) - splat(top)) * splat(scale), least));
    }
    const Float4 sum = sum0 + sum1;
    sums[b] = static_cast<double>(sum[0] + sum[1]) + static_cast<double>(sum[2] + sum[3]);
    all += sums[b];
  }
  return all;
}

// Roundings of 2^-24 each. Every term: 6 in the series, 2e-7 of the series' end. Its sum: 8 and 3.
// The exponent: 3, times |x|, whose mean over the distribution is its entropy minus ln(sum), at
// most ln(logits / sum). Twice that.
double sum_error(double sum, size_t logits) {
  return 3e-6 + 4e-7 * std::log(std::max(1.0, static_cast<double>(logits) / sum));
}

}  // namespace hearth
