// See q2_k.h.
#include "hearth/formats/q2_k/q2_k.h"

#include "hearth/formats/fit_line.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr float kLevels = 3;  // largest q
constexpr int kMost = 15;     // largest group scale and min
constexpr float kMoves[] = {-0.2f, 0.3f, 0.8f};
constexpr float kTops[] = {1};

}  // namespace

void Q2_K::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  unpack_two_bits(block.q, q);
  const float d = F16::decode(block.d);
  const float dmin = F16::decode(block.dmin);
  for (int g = 0; g < kElements / kGroup; ++g) {
    scale[g] = d * static_cast<float>(block.scales[g] & 15);
    min[g] = dmin * static_cast<float>(block.scales[g] >> 4);
  }
}

void Q2_K::decode_block(const Block& block, float* out) {
  multiply_out<Q2_K>(block, out);
}

void Q2_K::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  constexpr int kGroups = kElements / kGroup;
  const auto best = fit::fit_block<kGroups>(s, kLevels, kMost, kMoves, kTops);
  block.d = s.stored(best.d);
  block.dmin = s.stored(best.dmin);
  int8_t q[kElements];
  for (int g = 0; g < kGroups; ++g) {
    block.scales[g] = static_cast<uint8_t>(best.scale[g] | best.min[g] << 4);
    fit::store_group(s.x + g * kGroup, kGroup, best.line(g), kLevels, q + g * kGroup);
  }
  pack_two_bits(q, block.q);
}

}  // namespace hearth
