// See q5_0.h.
#include "hearth/formats/q5_0/q5_0.h"

#include "hearth/formats/fit_scale.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr fit::Integers kNearest{-16, 15};
constexpr float kStarts[] = {-16, -15.5f, -15, -14.5f, -14, -16.5f, -17, 15, 15.4f, 14.5f};

}  // namespace

void Q5_0::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_five_bits(block.q, block.high, q);
  for (int i = 0; i < kElements; ++i) q[i] = static_cast<int8_t>(q[i] - 16);
  *scale = F16::decode(block.d);
}

void Q5_0::decode_block(const Block& block, float* out) {
  multiply_out<Q5_0>(block, out);
}

void Q5_0::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  const float d = fit::fit_group<kElements>(s.x, s.w, kNearest, kStarts);
  block.d = s.stored(d);
  int8_t q[kElements];
  fit::store_group(s.x, kElements, s.rounded(d), kNearest, q);
  for (int8_t& v : q) v = static_cast<int8_t>(v + 16);
  pack_five_bits(q, block.q, block.high);
}

}  // namespace hearth
