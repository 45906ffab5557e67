// Frequencies and rotations in the textbook form. The YaRN ramp follows section 3.2 of the paper
// with DeepSeek's published constants; Llama 3's follows Meta's reference apply_scaling.
#include "hearth/backend/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "hearth/base/check.h"

namespace hearth {

Rope Rope::plain(int64_t dims, double theta, RopePairs pairs) {
  CHECK_EQ(dims % 2, 0);
  Rope rope;
  rope.dims = dims;
  rope.pairs = pairs;
  rope.inv_freq.resize(static_cast<size_t>(dims / 2));
  for (size_t i = 0; i < rope.inv_freq.size(); ++i) {
    rope.inv_freq[i] = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dims));
  }
  return rope;
}

void Rope::scale_linear(double factor) {
  for (double& f : inv_freq) f /= factor;
}

void Rope::scale(const Llama3Scaling& s) {
  const double long_wave = s.original_max_position_embeddings / s.low_freq_factor;
  const double short_wave = s.original_max_position_embeddings / s.high_freq_factor;
  for (double& f : inv_freq) {
    const double wave = 2 * std::numbers::pi / f;
    if (wave < short_wave) continue;
    if (wave > long_wave) {
      f /= s.factor;
      continue;
    }
    const double smooth = (s.original_max_position_embeddings / wave - s.low_freq_factor) /
                          (s.high_freq_factor - s.low_freq_factor);
    f = (1 - smooth) * f / s.factor + smooth * f;
  }
}

void Rope::scale(const YarnScaling& s, double theta) {
  const auto d = static_cast<double>(dims);
  // The dimension whose wave turns `rotations` times within the original context.
  const auto turning_dim = [&](double rotations) {
    return d * std::log(s.original_max_position_embeddings / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(theta));
  };
  const double low = std::max(std::floor(turning_dim(s.beta_fast)), 0.0);
  double high = std::min(std::ceil(turning_dim(s.beta_slow)), d - 1);
  if (high == low) high += 0.001;  // the ramp must not divide by zero
  for (size_t i = 0; i < inv_freq.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    inv_freq[i] = inv_freq[i] / s.factor * ramp + inv_freq[i] * (1 - ramp);
  }
  magnitude = s.deepseek ? yarn_mscale(s.factor, s.mscale) / yarn_mscale(s.factor, s.mscale_all_dim)
                         : s.attention_factor;
}

double yarn_mscale(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

void Rope::angles(int64_t position, float* cos, float* sin) const {
  for (size_t i = 0; i < inv_freq.size(); ++i) {
    const double angle = static_cast<double>(position) * inv_freq[i];
    cos[i] = static_cast<float>(std::cos(angle) * magnitude);
    sin[i] = static_cast<float>(std::sin(angle) * magnitude);
  }
}

void Rope::rotate(float* x, const float* cos, const float* sin) const {
  const int64_t half = dims / 2;
  const int64_t step = pairs == RopePairs::interleaved ? 2 : 1;
  const int64_t gap = pairs == RopePairs::interleaved ? 1 : half;
  for (int64_t i = 0; i < half; ++i) {
    float& a = x[i * step];
    float& b = x[i * step + gap];
    const float rotated = a * cos[i] - b * sin[i];
    b = b * cos[i] + a * sin[i];
    a = rotated;
  }
}

}  // namespace hearth
