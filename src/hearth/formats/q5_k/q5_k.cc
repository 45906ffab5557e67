// See q5_k.h.
#include "hearth/formats/q5_k/q5_k.h"

#include "hearth/formats/fit_line.h"
#include "hearth/formats/integers.h"
#include "hearth/formats/q4_k/q4_k.h"

namespace hearth {
namespace {

constexpr float kLevels = 31;  // largest q
constexpr int kMost = 63;      // largest group scale and min
constexpr float kMoves[] = {-0.2f, 0.3f, 0.8f};
constexpr float kTops[] = {1};

}  // namespace

void Q5_K::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  const Q4_K::Groups groups = Q4_K::unpack_groups(block.scales);
  const float d = F16::decode(block.d);
  const float dmin = F16::decode(block.dmin);
  for (int g = 0; g < kElements / kGroup; ++g) {
    scale[g] = d * static_cast<float>(groups.scale[g]);
    min[g] = dmin * static_cast<float>(groups.min[g]);
    const uint8_t* run = block.q + g / 2 * kGroup;
    for (int i = 0; i < kGroup; ++i) {
      const int low = run[i] >> (g % 2 * 4) & 15;
      *q++ = static_cast<int8_t>(low | (block.high[i] >> g & 1) << 4);
    }
  }
}

void Q5_K::decode_block(const Block& block, float* out) {
  multiply_out<Q5_K>(block, out);
}

void Q5_K::encode_block(const float* in, const float* importance, Block& block) {
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
  Q4_K::Groups groups;
  for (int g = 0; g < kGroups; ++g) {
    groups.scale[g] = static_cast<uint8_t>(best.scale[g]);
    groups.min[g] = static_cast<uint8_t>(best.min[g]);
    int8_t q[kGroup];
    fit::store_group(s.x + g * kGroup, kGroup, best.line(g), kLevels, q);
    uint8_t* run = block.q + g / 2 * kGroup;
    for (int i = 0; i < kGroup; ++i) {
      run[i] = static_cast<uint8_t>(run[i] | (q[i] & 15) << (g % 2 * 4));
      block.high[i] = static_cast<uint8_t>(block.high[i] | (q[i] >> 4) << g);
    }
  }
  Q4_K::pack_groups(groups, block.scales);
}

}  // namespace hearth
