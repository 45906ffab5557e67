// See q3_k.h.
#include "hearth/formats/q3_k/q3_k.h"

#include "hearth/formats/fit_scale.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr fit::Integers kNearest{-4, 3};
constexpr float kStarts[] = {-4.4f, -4, -3.7f, -3.4f, -3.1f, -2.7f, 3, 3.3f, 2.6f};
constexpr float kTops[] = {-32, -31};

}  // namespace

void Q3_K::unpack_scales(const uint8_t scales[12], int8_t out[kElements / kGroup]) {
  for (int g = 0; g < kElements / kGroup; ++g) {
    const int low = scales[g % 8] >> (g / 8 * 4) & 15;
    const int high = scales[8 + g % 4] >> (g / 4 * 2) & 3;
    out[g] = static_cast<int8_t>((low | high << 4) - 32);
  }
}

void Q3_K::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_two_bits(block.low, q);
  for (int part = 0; part < 8; ++part) {
    for (int i = 0; i < 32; ++i, ++q) {
      *q = static_cast<int8_t>((*q | (block.high[i] >> part & 1) << 2) - 4);
    }
  }
  int8_t units[kElements / kGroup];
  unpack_scales(block.scales, units);
  const float d = F16::decode(block.d);
  for (int g = 0; g < kElements / kGroup; ++g) scale[g] = d * static_cast<float>(units[g]);
}

void Q3_K::decode_block(const Block& block, float* out) {
  multiply_out<Q3_K>(block, out);
}

void Q3_K::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  constexpr int kGroups = kElements / kGroup;
  const auto best = fit::fit_block<kGroups>(s, kNearest, kStarts, -32, kTops);
  block.d = s.stored(best.d);
  int8_t q[kElements];
  for (int g = 0; g < kGroups; ++g) {
    fit::store_group(s.x + g * kGroup, kGroup, best.scale(g), kNearest, q + g * kGroup);
    const int bits = best.unit[g] + 32;
    uint8_t& low = block.scales[g % 8];
    uint8_t& high = block.scales[8 + g % 4];
    low = static_cast<uint8_t>(low | (bits & 15) << (g / 8 * 4));
    high = static_cast<uint8_t>(high | (bits >> 4) << (g / 4 * 2));
  }
  for (int e = 0; e < kElements; ++e) {
    q[e] = static_cast<int8_t>(q[e] + 4);
    uint8_t& high = block.high[e % 32];
    high = static_cast<uint8_t>(high | (q[e] >> 2) << (e / 32));
  }
  pack_two_bits(q, block.low);
}

}  // namespace hearth
