// See scalar.h. Weights are decoded row by row: a format needs its codec and nothing else here.
#include "hearth/backend/reference/scalar.h"

#include <algorithm>
#include <cmath>

#include "hearth/formats/codec.h"

namespace hearth::reference {

void rms_norm(const float* x, int64_t n, const Norm& norm, float* out) {
  if (!norm.weight.present()) {
    std::copy(x, x + n, out);
    return;
  }
  const double mean_square = dot(x, x, n) / static_cast<double>(n);
  const double inverse = 1 / std::sqrt(mean_square + norm.eps);
  const float* weight = norm.weight.vector();
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(x[i] * inverse * weight[i]);
}

std::vector<float> eight_bits(const float* x, int64_t n) {
  std::vector<float> out(x, x + n);
  for (int64_t begin = 0; begin < n; begin += 32) {
    float most = 0;
    for (int64_t i = begin; i < begin + 32; ++i) {
      if (!(std::abs(x[i]) <= most)) most = std::abs(x[i]);  // a NaN stays
      if (std::isnan(most)) break;
    }
    const float scale = most / 127 + (most - most);
    // Below 2^-100 a block counts as zero: 127 / most would soon be no float any more.
    const float inverse = most > 0x1p-100f ? 127 / most : 0;
    for (int64_t i = begin; i < begin + 32; ++i)
      out[static_cast<size_t>(i)] = scale * std::nearbyint(x[i] * inverse);
  }
  return out;
}

void apply(const Linear& linear, const float* x, float* out) {
  const Tensor& w = linear.weight.tensor;
  std::vector<float> quantized;
  if (linear.weight.form) {
    quantized = eight_bits(x, w.columns());
    x = quantized.data();
  }
  std::vector<float> row(static_cast<size_t>(w.columns()));
  for (int64_t o = 0; o < w.rows(); ++o) {
    decode_row(w, o, 0, w.columns(), row.data());
    const double bias = linear.bias.present() ? linear.bias.vector()[o] : 0;
    out[o] = static_cast<float>(dot(row.data(), x, w.columns()) + bias);
  }
}

// In eight sums, because one waits for itself: every norm of the CPU backend comes here.
double dot(const float* a, const float* b, int64_t n) {
  constexpr int64_t kSums = 8;
  double sums[kSums] = {};
  const int64_t whole = n / kSums * kSums;
  for (int64_t i = 0; i < whole; i += kSums) {
    for (int64_t j = 0; j < kSums; ++j) sums[j] += static_cast<double>(a[i + j]) * b[i + j];
  }
  for (int64_t i = whole; i < n; ++i) sums[i - whole] += static_cast<double>(a[i]) * b[i];
  for (int64_t half = kSums / 2; half > 0; half /= 2) {
    for (int64_t j = 0; j < half; ++j) sums[j] += sums[j + half];
  }
  return sums[0];
}

float silu(float x) {
  return static_cast<float>(x / (1 + std::exp(-static_cast<double>(x))));
}

void softmax(std::span<double> values) {
  const double top = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double& v : values) sum += v = std::exp(v - top);
  for (double& v : values) v /= sum;
}

}  // namespace hearth::reference
