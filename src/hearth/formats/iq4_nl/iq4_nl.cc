// See iq4_nl.h.
#include "hearth/formats/iq4_nl/iq4_nl.h"

#include "hearth/formats/fit_scale.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr fit::Levels<16> kNearest(IQ4_NL::kLevels);
constexpr float kStarts[] = {-127, -120, -113, -106, -98, -134, 113, 106, 99, 120};

}  // namespace

void IQ4_NL::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_nibbles(block.index, q);
  for (int i = 0; i < kElements; ++i) q[i] = kLevels[q[i]];
  *scale = F16::decode(block.d);
}

void IQ4_NL::decode_block(const Block& block, float* out) {
  multiply_out<IQ4_NL>(block, out);
}

void IQ4_NL::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  const float d = fit::fit_group<kElements>(s.x, s.w, kNearest, kStarts);
  block.d = s.stored(d);
  const float inverse = fit::inverse_or_zero(s.rounded(d));
  int8_t index[kElements];
  for (int i = 0; i < kElements; ++i) index[i] = kNearest.index(s.x[i] * inverse);
  pack_nibbles(index, block.index);
}

}  // namespace hearth
