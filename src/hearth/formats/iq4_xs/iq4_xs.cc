// See iq4_xs.h.
#include "hearth/formats/iq4_xs/iq4_xs.h"

#include "hearth/formats/fit_scale.h"
#include "hearth/formats/integers.h"
#include "hearth/formats/iq4_nl/iq4_nl.h"

namespace hearth {
namespace {

constexpr fit::Levels<16> kNearest(IQ4_NL::kLevels);
constexpr float kStarts[] = {-127, -120, -113, -106, -98, -134, 113, 106, 99, 120};
constexpr float kTops[] = {-32};

}  // namespace

void IQ4_XS::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) {
    const int units = (nibble(block.low, g) | (block.high >> (2 * g) & 3) << 4) - 32;
    scale[g] = d * static_cast<float>(units);
    unpack_nibbles(block.index + g * 16, q + g * kGroup);
  }
  for (int e = 0; e < kElements; ++e) q[e] = IQ4_NL::kLevels[q[e]];
}

void IQ4_XS::decode_block(const Block& block, float* out) {
  multiply_out<IQ4_XS>(block, out);
}

void IQ4_XS::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  constexpr int kGroups = kElements / kGroup;
  const auto best = fit::fit_block<kGroups>(s, kNearest, kStarts, -32, kTops);
  block.d = s.stored(best.d);
  int8_t index[kElements];
  for (int g = 0; g < kGroups; ++g) {
    const int bits = best.unit[g] + 32;
    block.low[g / 2] = static_cast<uint8_t>(block.low[g / 2] | (bits & 15) << (g % 2 * 4));
    block.high = static_cast<uint16_t>(block.high | (bits >> 4) << (2 * g));
    const float inverse = fit::inverse_or_zero(best.scale(g));
    for (int i = g * kGroup; i < (g + 1) * kGroup; ++i) index[i] = kNearest.index(s.x[i] * inverse);
    pack_nibbles(index + g * kGroup, block.index + g * 16);
  }
}

}  // namespace hearth
