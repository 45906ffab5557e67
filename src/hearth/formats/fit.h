// What the encoders share: a block brought to one magnitude, and weighted least squares. A search
// rounds a group with some scale, sums the moments of what came out, and takes the best scale (and
// min) for those numbers from the sums; no second pass over the elements.
//
// Sums run in four lanes on every machine, so that all add in the same order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hearth/formats/f16/f16.h"
#include "hearth/formats/finite.h"

namespace hearth::fit {

// A block as the searches see it.
template <int kElements>
struct Sample {
  float x[kElements];  // values / 2^exponent: the largest magnitude lies in [1, 2), or all are 0
  float w[kElements];  // importance, 1 on average, nowhere 0
  int exponent = 0;

  // False where the block holds NaN or infinity. Without importance all elements count the same; an
  // importance that is not a positive number counts as 0.
  bool load(const float* in, const float* importance) {
    if (!all_finite(in, kElements)) return false;
    float amax = 0;
    for (int i = 0; i < kElements; ++i) amax = std::max(amax, std::abs(in[i]));
    if (amax > 0) exponent = std::ilogb(amax);
    // In two steps, because 2^149 is no float.
    const float first = std::ldexp(1.0f, -exponent / 2);
    const float second = std::ldexp(1.0f, -exponent - -exponent / 2);
    for (int i = 0; i < kElements; ++i) x[i] = in[i] * first * second;
    load_weights(importance);
    return true;
  }

  // A factor in the units of x as the F16 of a block, and back.
  uint16_t stored(float factor) const {
    return F16::encode(std::clamp(std::ldexp(factor, exponent), -F16::kMax, F16::kMax));
  }
  float rounded(float factor) const { return std::ldexp(F16::decode(stored(factor)), -exponent); }

 private:
  void load_weights(const float* importance) {
    constexpr double kFloor = 1e-4;  // of the mean: where nothing is known, errors still count
    if (importance == nullptr) return std::fill(w, w + kElements, 1.0f);
    double sum = 0;
    for (int i = 0; i < kElements; ++i) {
      const bool counts = importance[i] > 0 && std::isfinite(importance[i]);
      w[i] = counts ? importance[i] : 0;
      sum += w[i];
    }
    const double unit = sum > 0 ? kElements / sum : 0;
    const double floor = sum > 0 ? kFloor : 1;
    for (int i = 0; i < kElements; ++i) w[i] = static_cast<float>(w[i] * unit + floor);
  }
};

// Four floats that are computed with at once; GCC and clang make vector instructions of it.
using Lanes = float __attribute__((vector_size(16)));
inline constexpr int kLanes = 4;

inline Lanes load_lanes(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
inline float sum_lanes(Lanes lanes) {
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

inline float inverse_or_zero(float scale) {
  const float inverse = 1 / scale;
  return std::isfinite(inverse) ? inverse : 0;
}

// The nearest of the whole numbers from `low` to `high`, ties to even; all below 2^22.
struct Integers {
  float low, high;

  template <typename T>  // float or Lanes
  T operator()(T x) const {
    const T least = T{} + low, most = T{} + high;
    x = x > least ? x : least;
    x = x < most ? x : most;
    constexpr float kMagic = 12582912;  // 1.5 * 2^23, whose last bit is 1
    return (x + kMagic) - kMagic;
  }
};

// The nearest of the levels of a table in rising order.
template <int kCount>
struct Levels {
  float lowest;
  float middle[kCount - 1];  // between a level and the next
  float gap[kCount - 1];

  explicit constexpr Levels(const int8_t (&levels)[kCount]) : lowest(levels[0]), middle(), gap() {
    for (int i = 0; i + 1 < kCount; ++i) {
      middle[i] = static_cast<float>(levels[i] + levels[i + 1]) / 2;
      gap[i] = static_cast<float>(levels[i + 1] - levels[i]);
    }
  }
  template <typename T>  // float or Lanes
  T operator()(T x) const {
    T level = T{} + lowest;
    for (int i = 0; i + 1 < kCount; ++i) level += x > middle[i] ? T{} + gap[i] : T{};
    return level;
  }
  int8_t index(float x) const {
    int count = 0;
    for (int i = 0; i + 1 < kCount; ++i) count += x > middle[i];
    return static_cast<int8_t>(count);
  }
};

}  // namespace hearth::fit
