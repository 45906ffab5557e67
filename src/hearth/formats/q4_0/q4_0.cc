// See q4_0.h.
#include "hearth/formats/q4_0/q4_0.h"

#include <algorithm>

#include "hearth/formats/finite.h"
#include "hearth/formats/fit_scale.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr fit::Integers kNearest{-8, 7};
constexpr float kStarts[] = {-8, -7.6f, -7.2f, -6.8f, -6.3f, -8.5f, 7, 7.4f, 6.6f};

void encode_weighted(const float* in, const float* importance, Q4_0::Block& block) {
  fit::Sample<Q4_0::kElements> s;
  s.load(in, importance);
  const float d = fit::fit_group<Q4_0::kElements>(s.x, s.w, kNearest, kStarts);
  block.d = s.stored(d);
  int8_t q[Q4_0::kElements];
  fit::store_group(s.x, Q4_0::kElements, s.rounded(d), kNearest, q);
  for (int8_t& v : q) v = static_cast<int8_t>(v + 8);
  pack_nibbles(q, block.q);
}

// The element of largest magnitude becomes -8 exactly, so d carries its opposite sign.
void encode_plain(const float* in, Q4_0::Block& block) {
  const float d = fit::extreme_of(in, Q4_0::kElements) / -8;
  const float inverse = fit::inverse_or_zero(d);  // zeros, or too small for any scale: 0
  int8_t q[Q4_0::kElements];
  for (int i = 0; i < Q4_0::kElements; ++i) {
    q[i] = static_cast<int8_t>(std::clamp(in[i] * inverse + 8.5f, 0.0f, 15.0f));
  }
  block.d = F16::encode(d);
  pack_nibbles(q, block.q);
}

}  // namespace

void Q4_0::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_nibbles(block.q, q);
  for (int i = 0; i < kElements; ++i) q[i] = static_cast<int8_t>(q[i] - 8);
  *scale = F16::decode(block.d);
}

void Q4_0::decode_block(const Block& block, float* out) {
  multiply_out<Q4_0>(block, out);
}

void Q4_0::encode_block(const float* in, const float* importance, Block& block) {
  if (!all_finite(in, kElements)) {
    block = {};
    block.d = F16::kNan;
  } else if (importance != nullptr) {
    encode_weighted(in, importance, block);
  } else {
    encode_plain(in, block);
  }
}

}  // namespace hearth
