// See q4_1.h.
#include "hearth/formats/q4_1/q4_1.h"

#include "hearth/formats/fit_line.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr float kLevels = 15;  // largest q
constexpr float kMoves[] = {-0.2f, 0.3f, 0.8f};

}  // namespace

void Q4_1::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  unpack_nibbles(block.q, q);
  *scale = F16::decode(block.d);
  *min = -F16::decode(block.m);
}

void Q4_1::decode_block(const Block& block, float* out) {
  multiply_out<Q4_1>(block, out);
}

void Q4_1::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  const fit::Line best = fit::fit_group<kElements>(s.x, s.w, kLevels, kMoves, true);
  block.d = s.stored(best.scale);
  block.m = s.stored(-best.min);
  int8_t q[kElements];
  const fit::Line stored{s.rounded(best.scale), s.rounded(best.min)};
  fit::store_group(s.x, kElements, stored, kLevels, q);
  pack_nibbles(q, block.q);
}

}  // namespace hearth
