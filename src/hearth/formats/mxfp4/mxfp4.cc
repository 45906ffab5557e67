// See mxfp4.h.
#include "hearth/formats/mxfp4/mxfp4.h"

#include <bit>
#include <limits>

#include "hearth/formats/fit_scale.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr int8_t kRising[15] = {-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12};
constexpr fit::Levels<15> kNearest(kRising);

}  // namespace

// The two smallest are subnormal floats.
float MXFP4::half_scale(uint8_t e) {
  if (e == 255) return std::numeric_limits<float>::quiet_NaN();
  const uint32_t bits = e < 2 ? uint32_t{0x00200000} << e : (uint32_t{e} - 1) << 23;
  return std::bit_cast<float>(bits);
}

void MXFP4::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_nibbles(block.q, q);
  for (int i = 0; i < kElements; ++i) q[i] = kDoubled[q[i]];
  *scale = half_scale(block.e);
}

void MXFP4::decode_block(const Block& block, float* out) {
  multiply_out<MXFP4>(block, out);
}

void MXFP4::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.e = 255;
    return;
  }
  // The largest magnitude lies in [1, 2): a half scale of 2^-3 puts it in [8, 16).
  int best = 0;
  float best_loss = 0;  // of zeros
  for (int half = -4; half <= -1; ++half) {
    const int e = half + s.exponent + 128;
    if (e < 0 || e > 252) continue;
    const float scale = std::ldexp(1.0f, half);
    const float loss = fit::round_group<kElements>(s.x, s.w, 1 / scale, kNearest).loss(scale);
    if (!(loss < best_loss)) continue;
    best_loss = loss;
    best = half;
  }
  if (best == 0) return;
  block.e = static_cast<uint8_t>(best + s.exponent + 128);
  int8_t q[kElements];
  fit::store_group(s.x, kElements, std::ldexp(1.0f, best), kNearest, q);
  for (int8_t& v : q) v = static_cast<int8_t>(std::find(kDoubled, kDoubled + 16, v) - kDoubled);
  pack_nibbles(q, block.q);
}

}  // namespace hearth
