// See q6_k.h. The encoder minimises the squared error: each group's real scale first (of either
// sign, so that the extreme element can use -32), then the block's factor for the scales rounded to
// bytes, then each group's byte again.
#include "hearth/formats/q6_k/q6_k.h"

#include <algorithm>
#include <cmath>

#include "hearth/formats/finite.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr int kGroup = Q6_K::kGroup;
constexpr int kRefitRounds = 2;

// Quantises a group with value = scale * q, optionally stores q, and returns the squared error.
float quantise(const float* x, float scale, int8_t* q) {
  const float reciprocal = 1 / scale;
  const float inverse = std::isfinite(reciprocal) ? reciprocal : 0;
  float error = 0;
  for (int i = 0; i < kGroup; ++i) {
    // Shifted to be positive, so that the cast is a floor.
    const float shifted = std::clamp(x[i] * inverse + 32.5f, 0.0f, 63.0f);
    const int level = static_cast<int>(shifted) - 32;
    const float diff = scale * static_cast<float>(level) - x[i];
    error += diff * diff;
    if (q != nullptr) q[i] = static_cast<int8_t>(level);
  }
  return error;
}

// Tries to put the extreme element near -32; each try is followed by one least-squares refit.
float fit_group(const float* x) {
  const float extreme =
      *std::max_element(x, x + kGroup, [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (extreme == 0) return 0;
  float best = extreme / -32;
  float best_error = quantise(x, best, nullptr);
  int8_t q[kGroup];
  for (float levels = 30.6f; levels < 33.5f; levels += 0.2f) {
    quantise(x, extreme / -levels, q);
    float sum_qq = 0, sum_qx = 0;
    for (int i = 0; i < kGroup; ++i) {
      const float level = q[i];
      sum_qq += level * level;
      sum_qx += level * x[i];
    }
    const float scale = sum_qq > 0 ? sum_qx / sum_qq : 0;
    const float error = quantise(x, scale, nullptr);
    if (error >= best_error) continue;
    best_error = error;
    best = scale;
  }
  return best;
}

// A block under construction, its factor as the decoder will see it.
struct Draft {
  float d = 0;
  int8_t scale[Q6_K::kGroups] = {};

  float group_scale(int g) const { return d * static_cast<float>(scale[g]); }
  float error(const float* x) const {
    float sum = 0;
    for (int g = 0; g < Q6_K::kGroups; ++g)
      sum += quantise(x + g * kGroup, group_scale(g), nullptr);
    return sum;
  }
};

float as_f16(float value) {
  return F16::decode(F16::encode(value));
}

// Tries the neighbours of each group's byte.
void refine_groups(const float* x, Draft& draft) {
  for (int g = 0; g < Q6_K::kGroups; ++g) {
    const int centre = draft.scale[g];
    float best = quantise(x + g * kGroup, draft.group_scale(g), nullptr);
    for (int s = std::max(centre - 1, -128); s <= std::min(centre + 1, 127); ++s) {
      const float error = quantise(x + g * kGroup, draft.d * static_cast<float>(s), nullptr);
      if (error >= best) continue;
      best = error;
      draft.scale[g] = static_cast<int8_t>(s);
    }
  }
}

// The best factor for given q and group scales: x ~ d * (scale q).
Draft refit_factor(const float* x, Draft draft) {
  double aa = 0, ax = 0;
  int8_t q[kGroup];
  for (int g = 0; g < Q6_K::kGroups; ++g) {
    quantise(x + g * kGroup, draft.group_scale(g), q);
    for (int i = 0; i < kGroup; ++i) {
      const double a = static_cast<double>(draft.scale[g]) * q[i];
      aa += a * a;
      ax += a * x[g * kGroup + i];
    }
  }
  if (aa > 0) draft.d = as_f16(static_cast<float>(ax / aa));
  return draft;
}

// The largest group scale becomes -128 exactly, so d carries its opposite sign.
Draft make_draft(const float* x) {
  float scales[Q6_K::kGroups];
  for (int g = 0; g < Q6_K::kGroups; ++g) scales[g] = fit_group(x + g * kGroup);
  const float extreme = *std::max_element(
      scales, scales + Q6_K::kGroups, [](float a, float b) { return std::abs(a) < std::abs(b); });
  Draft draft{as_f16(extreme / -128), {}};
  if (draft.d == 0) return draft;
  for (int g = 0; g < Q6_K::kGroups; ++g) {
    const float units = std::clamp(std::nearbyint(scales[g] / draft.d), -128.0f, 127.0f);
    draft.scale[g] = static_cast<int8_t>(units);
  }
  return draft;
}

}  // namespace

void Q6_K::unpack(const Block& block, int8_t q[kElements]) {
  for (int e = 0; e < kElements; ++e) {
    const int half = e / 128;
    const int part = e / 32 % 4;
    const int i = e % 32;
    const int low = block.ql[half * 64 + part % 2 * 32 + i] >> (part / 2 * 4) & 15;
    const int high = block.qh[half * 32 + i] >> (part * 2) & 3;
    q[e] = static_cast<int8_t>((low | high << 4) - 32);
  }
}

void Q6_K::pack(const int8_t q[kElements], Block& block) {
  std::fill(std::begin(block.ql), std::end(block.ql), uint8_t{0});
  std::fill(std::begin(block.qh), std::end(block.qh), uint8_t{0});
  for (int e = 0; e < kElements; ++e) {
    const int half = e / 128;
    const int part = e / 32 % 4;
    const int i = e % 32;
    const int bits = q[e] + 32;
    uint8_t& low = block.ql[half * 64 + part % 2 * 32 + i];
    uint8_t& high = block.qh[half * 32 + i];
    low = static_cast<uint8_t>(low | (bits & 15) << (part / 2 * 4));
    high = static_cast<uint8_t>(high | (bits >> 4) << (part * 2));
  }
}

void Q6_K::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack(block, q);
  const float d = F16::decode(block.d);
  for (int g = 0; g < kGroups; ++g) scale[g] = d * static_cast<float>(block.scale[g]);
}

void Q6_K::decode_block(const Block& block, float* out) {
  multiply_out<Q6_K>(block, out);
}

void Q6_K::encode_block(const float* in, Block& block) {
  if (!all_finite(in, kElements)) {
    block = {};
    block.d = F16::kNan;
    return;
  }
  Draft best = make_draft(in);
  refine_groups(in, best);
  float best_error = best.error(in);
  for (int round = 0; round < kRefitRounds; ++round) {
    Draft draft = refit_factor(in, best);
    refine_groups(in, draft);
    const float error = draft.error(in);
    if (!(error < best_error)) break;
    best_error = error;
    best = draft;
  }
  block.d = F16::encode(best.d);
  std::copy(std::begin(best.scale), std::end(best.scale), block.scale);
  int8_t q[kElements];
  for (int g = 0; g < kGroups; ++g) {
    quantise(in + g * kGroup, best.group_scale(g), q + g * kGroup);
  }
  pack(q, block);
}

}  // namespace hearth
