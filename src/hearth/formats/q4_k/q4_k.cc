// See q4_k.h. The encoder minimises the squared error in three rounds: each group alone with real
// numbers, then the two F16 factors for the group scales rounded to six bits, then each group's six
// bits again, which makes good what the rounding lost.
#include "hearth/formats/q4_k/q4_k.h"

#include <algorithm>
#include <cmath>

#include "hearth/formats/finite.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr int kGroup = Q4_K::kGroup;
constexpr int kLevels = 15;   // largest q
constexpr int kSixBits = 63;  // largest group scale and min
constexpr int kRefitRounds = 2;

// value = scale * q - min, scale >= 0, min >= 0.
struct Fit {
  float scale = 0;
  float min = 0;
};

int nearest_level(float x, float min, float inverse) {
  return static_cast<int>(std::clamp((x + min) * inverse + 0.5f, 0.0f, float{kLevels}));
}

// Quantises a group with `fit`, optionally stores q, and returns the squared error.
float quantise(const float* x, const Fit& fit, uint8_t* q) {
  const float reciprocal = 1 / fit.scale;
  const float inverse = std::isfinite(reciprocal) ? reciprocal : 0;
  float error = 0;
  for (int i = 0; i < kGroup; ++i) {
    const int level = nearest_level(x[i], fit.min, inverse);
    const float diff = fit.scale * static_cast<float>(level) - fit.min - x[i];
    error += diff * diff;
    if (q != nullptr) q[i] = static_cast<uint8_t>(level);
  }
  return error;
}

// The best scale and min for given q: a line through (q, x), with its intercept held <= 0.
Fit fit_line(const float* x, const uint8_t* q) {
  float sum_q = 0, sum_qq = 0, sum_x = 0, sum_qx = 0;
  for (int i = 0; i < kGroup; ++i) {
    const float level = q[i];
    sum_q += level;
    sum_qq += level * level;
    sum_x += x[i];
    sum_qx += level * x[i];
  }
  const float determinant = kGroup * sum_qq - sum_q * sum_q;
  if (determinant > 0) {
    const float scale = (kGroup * sum_qx - sum_q * sum_x) / determinant;
    const float min = (sum_q * sum_qx - sum_qq * sum_x) / determinant;
    if (min >= 0) return {std::max(scale, 0.0f), min};
  }
  return {sum_qq > 0 ? std::max(sum_qx / sum_qq, 0.0f) : 0, 0};
}

// Tries step sizes around range / 15; each is followed by one least-squares refit.
Fit fit_group(const float* x) {
  const auto [low, high] = std::minmax_element(x, x + kGroup);
  const float min = std::max(-*low, 0.0f);
  const float range = std::max(*high, 0.0f) + min;
  Fit best{0, min};
  if (!(range > 0)) return best;
  best.scale = range / kLevels;
  float best_error = quantise(x, best, nullptr);
  uint8_t q[kGroup];
  for (float levels = kLevels - 1.0f; levels < kLevels + 1.05f; levels += 0.1f) {
    quantise(x, {range / levels, min}, q);
    for (int round = 0; round < kRefitRounds; ++round) {
      const Fit fit = fit_line(x, q);
      const float error = quantise(x, fit, q);
      if (!(error < best_error)) break;
      best_error = error;
      best = fit;
    }
  }
  return best;
}

uint8_t round_to_six_bits(float value, float unit) {
  const float units = unit > 0 ? value / unit : 0;
  return static_cast<uint8_t>(std::clamp(units + 0.5f, 0.0f, float{kSixBits}));
}

// A block under construction, its two factors as the decoder will see them.
struct Draft {
  float d = 0;
  float dmin = 0;
  Q4_K::Groups groups = {};

  Fit fit(int g) const {
    return {d * static_cast<float>(groups.scale[g]), dmin * static_cast<float>(groups.min[g])};
  }
  float error(const float* x) const {
    float sum = 0;
    for (int g = 0; g < Q4_K::kGroups; ++g) sum += quantise(x + g * kGroup, fit(g), nullptr);
    return sum;
  }
};

float as_f16(float value) {
  return F16::decode(F16::encode(value));
}

// Tries the neighbours of each group's scale and min.
void refine_groups(const float* x, Draft& draft) {
  for (int g = 0; g < Q4_K::kGroups; ++g) {
    const int scale = draft.groups.scale[g];
    const int min = draft.groups.min[g];
    float best = quantise(x + g * kGroup, draft.fit(g), nullptr);
    for (int s = std::max(scale - 1, 0); s <= std::min(scale + 1, kSixBits); ++s) {
      for (int m = std::max(min - 1, 0); m <= std::min(min + 1, kSixBits); ++m) {
        const Fit fit{draft.d * static_cast<float>(s), draft.dmin * static_cast<float>(m)};
        const float error = quantise(x + g * kGroup, fit, nullptr);
        if (error >= best) continue;
        best = error;
        draft.groups.scale[g] = static_cast<uint8_t>(s);
        draft.groups.min[g] = static_cast<uint8_t>(m);
      }
    }
  }
}

// The best two factors for given q, scales and mins: x ~ d * (scale q) - dmin * min.
Draft refit_factors(const float* x, Draft draft) {
  double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;  // a = scale * q, b = -min
  uint8_t q[kGroup];
  for (int g = 0; g < Q4_K::kGroups; ++g) {
    quantise(x + g * kGroup, draft.fit(g), q);
    const double b = -static_cast<double>(draft.groups.min[g]);
    for (int i = 0; i < kGroup; ++i) {
      const double a = static_cast<double>(draft.groups.scale[g]) * q[i];
      const double value = x[g * kGroup + i];
      aa += a * a;
      ab += a * b;
      bb += b * b;
      ax += a * value;
      bx += b * value;
    }
  }
  const double determinant = aa * bb - ab * ab;
  if (determinant > 0) {
    draft.d = as_f16(static_cast<float>((ax * bb - bx * ab) / determinant));
    draft.dmin = as_f16(static_cast<float>((bx * aa - ax * ab) / determinant));
  } else if (aa > 0) {
    draft.d = as_f16(static_cast<float>(ax / aa));
  }
  return draft;
}

Draft make_draft(const float* x) {
  Fit fits[Q4_K::kGroups];
  Fit top;
  for (int g = 0; g < Q4_K::kGroups; ++g) {
    fits[g] = fit_group(x + g * kGroup);
    top.scale = std::max(top.scale, fits[g].scale);
    top.min = std::max(top.min, fits[g].min);
  }
  Draft draft{as_f16(top.scale / kSixBits), as_f16(top.min / kSixBits), {}};
  for (int g = 0; g < Q4_K::kGroups; ++g) {
    draft.groups.scale[g] = round_to_six_bits(fits[g].scale, draft.d);
    draft.groups.min[g] = round_to_six_bits(fits[g].min, draft.dmin);
  }
  return draft;
}

}  // namespace

Q4_K::Groups Q4_K::unpack_groups(const uint8_t scales[12]) {
  Groups groups;
  for (int g = 0; g < 4; ++g) {
    groups.scale[g] = scales[g] & 63;
    groups.min[g] = scales[g + 4] & 63;
    groups.scale[g + 4] = static_cast<uint8_t>((scales[g + 8] & 15) | (scales[g] >> 6) << 4);
    groups.min[g + 4] = static_cast<uint8_t>((scales[g + 8] >> 4) | (scales[g + 4] >> 6) << 4);
  }
  return groups;
}

void Q4_K::pack_groups(const Groups& groups, uint8_t scales[12]) {
  for (int g = 0; g < 4; ++g) {
    const int scale = groups.scale[g + 4];
    const int min = groups.min[g + 4];
    scales[g] = static_cast<uint8_t>(groups.scale[g] | (scale >> 4) << 6);
    scales[g + 4] = static_cast<uint8_t>(groups.min[g] | (min >> 4) << 6);
    scales[g + 8] = static_cast<uint8_t>((scale & 15) | (min & 15) << 4);
  }
}

void Q4_K::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  const float d = F16::decode(block.d);
  const float dmin = F16::decode(block.dmin);
  const Groups groups = unpack_groups(block.scales);
  for (int g = 0; g < kGroups; ++g) {
    scale[g] = d * static_cast<float>(groups.scale[g]);
    min[g] = dmin * static_cast<float>(groups.min[g]);
    const uint8_t* run = block.q + g / 2 * kGroup;
    const int shift = g % 2 * 4;
    for (int i = 0; i < kGroup; ++i) *q++ = static_cast<int8_t>((run[i] >> shift) & 15);
  }
}

void Q4_K::decode_block(const Block& block, float* out) {
  multiply_out<Q4_K>(block, out);
}

void Q4_K::encode_block(const float* in, Block& block) {
  if (!all_finite(in, kElements)) {
    block = {};
    block.d = F16::kNan;
    return;
  }
  Draft best = make_draft(in);
  refine_groups(in, best);
  float best_error = best.error(in);
  for (int round = 0; round < kRefitRounds; ++round) {
    Draft draft = refit_factors(in, best);
    if (!(draft.d >= 0 && draft.dmin >= 0)) break;
    refine_groups(in, draft);
    const float error = draft.error(in);
    if (!(error < best_error)) break;
    best_error = error;
    best = draft;
  }
  block.d = F16::encode(best.d);
  block.dmin = F16::encode(best.dmin);
  pack_groups(best.groups, block.scales);
  uint8_t q[2][kGroup];
  for (int run = 0; run < kGroups / 2; ++run) {
    for (int half = 0; half < 2; ++half) {
      const int g = run * 2 + half;
      quantise(in + g * kGroup, best.fit(g), q[half]);
    }
    for (int i = 0; i < kGroup; ++i) {
      block.q[run * kGroup + i] = static_cast<uint8_t>(q[0][i] | q[1][i] << 4);
    }
  }
}

}  // namespace hearth
