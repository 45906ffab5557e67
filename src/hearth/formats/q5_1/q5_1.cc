// See q5_1.h.
#include "hearth/formats/q5_1/q5_1.h"

#include "hearth/formats/fit_line.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr float kLevels = 31;  // largest q
constexpr float kMoves[] = {-0.2f, 0.3f, 0.8f};

}  // namespace

void Q5_1::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  unpack_five_bits(block.q, block.high, q);
  *scale = F16::decode(block.d);
  *min = -F16::decode(block.m);
}

void Q5_1::decode_block(const Block& block, float* out) {
  multiply_out<Q5_1>(block, out);
}

void Q5_1::encode_block(const float* in, const float* importance, Block& block) {
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
  pack_five_bits(q, block.q, block.high);
}

}  // namespace hearth
