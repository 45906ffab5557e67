// See q6_k.h.
#include "hearth/formats/q6_k/q6_k.h"

#include "hearth/formats/fit_scale.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr fit::Integers kNearest{-32, 31};
constexpr float kStarts[] = {-32, -31.5f, -31, -30.5f, -32.5f, -33, 31, 30.5f};
constexpr float kTops[] = {-128};

}  // namespace

void Q6_K::unpack(const Block& block, int8_t q[kElements]) {
  for (int half = 0; half < 2; ++half) {
    for (int part = 0; part < 4; ++part) {
      const uint8_t* low = block.ql + half * 64 + part % 2 * 32;
      const uint8_t* high = block.qh + half * 32;
      for (int i = 0; i < 32; ++i) {
        const int bits = (low[i] >> (part / 2 * 4) & 15) | (high[i] >> (part * 2) & 3) << 4;
        *q++ = static_cast<int8_t>(bits - 32);
      }
    }
  }
}

void Q6_K::pack(const int8_t q[kElements], Block& block) {
  std::fill(std::begin(block.ql), std::end(block.ql), uint8_t{0});
  std::fill(std::begin(block.qh), std::end(block.qh), uint8_t{0});
  for (int e = 0; e < kElements; ++e) {
    const int half = e / 128;
    const int part = e / 32 % 4;
    const int i = e % 32;
    const int bits = q[e] + 32;
    uint8_t& low = block.ql[half * 64 + part % 2 * 32 + i];
    uint8_t& high = block.qh[half * 32 + i];
    low = static_cast<uint8_t>(low | (bits & 15) << (part / 2 * 4));
    high = static_cast<uint8_t>(high | (bits >> 4) << (part * 2));
  }
}

void Q6_K::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack(block, q);
  const float d = F16::decode(block.d);
  for (int g = 0; g < kGroups; ++g) scale[g] = d * static_cast<float>(block.scale[g]);
}

void Q6_K::decode_block(const Block& block, float* out) {
  multiply_out<Q6_K>(block, out);
}

void Q6_K::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  const auto best = fit::fit_block<kGroups>(s, kNearest, kStarts, -128, kTops);
  block.d = s.stored(best.d);
  int8_t q[kElements];
  for (int g = 0; g < kGroups; ++g) {
    block.scale[g] = static_cast<int8_t>(best.unit[g]);
    fit::store_group(s.x + g * kGroup, kGroup, best.scale(g), kNearest, q + g * kGroup);
  }
  pack(q, block);
}

}  // namespace hearth
