// See q4_0.h. The element of largest magnitude becomes -8 exactly, so d carries its opposite sign.
#include "hearth/formats/q4_0/q4_0.h"

#include <algorithm>
#include <cmath>

#include "hearth/formats/finite.h"
#include "hearth/formats/integers.h"

namespace hearth {

void Q4_0::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_nibbles(block.q, q);
  for (int i = 0; i < kElements; ++i) q[i] = static_cast<int8_t>(q[i] - 8);
  *scale = F16::decode(block.d);
}

void Q4_0::decode_block(const Block& block, float* out) {
  multiply_out<Q4_0>(block, out);
}

void Q4_0::encode_block(const float* in, Block& block) {
  if (!all_finite(in, kElements)) {
    block = {};
    block.d = F16::kNan;
    return;
  }
  constexpr int kHalf = kElements / 2;
  const float extreme = *std::max_element(
      in, in + kElements, [](float a, float b) { return std::abs(a) < std::abs(b); });
  const float d = extreme / -8;
  const float inverse = 1 / d;
  const float scale = std::isfinite(inverse) ? inverse : 0;  // zeros, or too small for any scale
  const auto quantise = [scale](float x) {
    return static_cast<unsigned>(std::clamp(x * scale + 8.5f, 0.0f, 15.0f));
  };
  block.d = F16::encode(d);
  for (int i = 0; i < kHalf; ++i) {
    block.q[i] = static_cast<uint8_t>(quantise(in[i]) | quantise(in[i + kHalf]) << 4);
  }
}

}  // namespace hearth
