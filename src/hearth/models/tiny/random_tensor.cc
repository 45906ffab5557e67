// See random_tensor.h. Spreads are chosen so that attention has peaks, the router's groups and its
// bias matter, and logits differ: those of tools/golden/random_weights.py.
#include "hearth/models/tiny/random_tensor.h"

#include <cmath>

#include "hearth/base/random.h"

namespace hearth {
namespace {

uint64_t mix(uint64_t x) {
  return splitmix64(x + kSplitMixStep);
}

// Sum of four 16-bit uniforms, standardised: normal enough for weights, within +-3.46.
float normal_of(uint64_t bits) {
  const uint64_t sum =
      (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
  constexpr float kMean = 2.0f * 65535.0f;
  constexpr float kDeviation = 37837.23f;  // sqrt(4 (2^32 - 1) / 12)
  return (static_cast<float>(sum) - kMean) / kDeviation;
}

// Standard deviation of W x for x of unit variance.
float gain_of(const std::string& name) {
  for (const char* peaked : {".q_proj.", ".k_proj.", ".q_a_proj.", ".q_b_proj.", ".kv_a_proj"}) {
    if (name.find(peaked) != std::string::npos) return 1.4f;
  }
  if (name.find(".gate.weight") != std::string::npos) return 1.2f;
  if (name.find(".down_proj.") != std::string::npos) return 1.6f;
  return 1.0f;
}

}  // namespace

RandomTensor::RandomTensor(uint64_t seed, const TensorSpec& spec, bool tied)
    : key_(mix(mix(seed) ^ fnv1a(spec.name))), columns_(spec.shape.columns()) {
  if (spec.name.ends_with("e_score_correction_bias")) {
    // Positive, so that masking a group by 0 or by -inf selects alike, and as wide as the scores.
    kind_ = Kind::uniform;
    centre_ = 0.4f;
    spread_ = 0.6f;
  } else if (spec.name.ends_with(".bias")) {
    spread_ = 0.5f;
  } else if (spec.kind == TensorKind::vector) {
    centre_ = 1;
    spread_ = 0.25f;
  } else if (spec.kind == TensorKind::embedding || spec.kind == TensorKind::head) {
    // Tied to the output, a large embedding would make every token predict itself.
    spread_ = tied ? 0.3f : 1.0f;
  } else {
    spread_ = gain_of(spec.name) / std::sqrt(static_cast<float>(columns_));
  }
}

float RandomTensor::value(int64_t index) const {
  const uint64_t bits = mix(key_ + static_cast<uint64_t>(index));
  if (kind_ == Kind::normal) return centre_ + spread_ * normal_of(bits);
  const auto unit = static_cast<float>(bits >> 40) * 0x1p-24f;
  return centre_ + spread_ * (unit - 0.5f);
}

void RandomTensor::fill_row(int64_t row, float* out) const {
  for (int64_t c = 0; c < columns_; ++c) out[c] = at(row, c);
}

}  // namespace hearth
