// See q8_0.h. Rounds half away from zero, like the files in the wild.
#include "hearth/formats/q8_0/q8_0.h"

#include <algorithm>
#include <cmath>

#include "hearth/formats/finite.h"

namespace hearth {

void Q8_0::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  for (int i = 0; i < kElements; ++i) q[i] = std::max(block.q[i], int8_t{-127});
  *scale = F16::decode(block.d);
}

void Q8_0::decode_block(const Block& block, float* out) {
  const float d = F16::decode(block.d);
  for (int i = 0; i < kElements; ++i) out[i] = static_cast<float>(block.q[i]) * d;
}

void Q8_0::encode_block(const float* in, const float*, Block& block) {
  if (!all_finite(in, kElements)) {
    block = {};
    block.d = F16::kNan;
    return;
  }
  float amax = 0;
  for (int i = 0; i < kElements; ++i) amax = std::max(amax, std::abs(in[i]));
  const float d = amax / 127;
  const float inverse = 1 / d;
  const float scale = std::isfinite(inverse) ? inverse : 0;  // zeros, or too small for any scale
  block.d = F16::encode(d);
  for (int i = 0; i < kElements; ++i) {
    block.q[i] = static_cast<int8_t>(std::lround(std::clamp(in[i] * scale, -127.0f, 127.0f)));
  }
}

}  // namespace hearth
