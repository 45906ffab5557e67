// See tq2_0.h.
#include "hearth/formats/tq2_0/tq2_0.h"

#include <algorithm>

#include "hearth/formats/fit_scale.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr fit::Integers kNearest{-1, 1};
constexpr float kStarts[] = {1, 1.2f, 1.5f, 1.8f, 2.2f, 2.8f, 3.6f};

}  // namespace

void TQ2_0::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_two_bits(block.q, q);
  for (int e = 0; e < kElements; ++e) q[e] = static_cast<int8_t>(q[e] - 1);
  std::fill(scale, scale + kElements / kGroup, F16::decode(block.d));
}

void TQ2_0::decode_block(const Block& block, float* out) {
  multiply_out<TQ2_0>(block, out);
}

void TQ2_0::encode_block(const float* in, const float* importance, Block& block) {
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
  for (int8_t& v : q) v = static_cast<int8_t>(v + 1);
  pack_two_bits(q, block.q);
}

}  // namespace hearth
