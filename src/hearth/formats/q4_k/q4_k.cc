// See q4_k.h.
#include "hearth/formats/q4_k/q4_k.h"

#include "hearth/formats/fit_line.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr float kLevels = 15;  // largest q
constexpr int kMost = 63;      // largest group scale and min
constexpr float kMoves[] = {-0.2f, 0.3f, 0.8f};
constexpr float kTops[] = {1};

}  // namespace

Q4_K::Groups Q4_K::unpack_groups(const uint8_t scales[12]) {
  Groups groups;
  for (int g = 0; g < 4; ++g) {
    groups.scale[g] = scales[g] & 63;
    groups.min[g] = scales[g + 4] & 63;
    groups.scale[g + 4] = static_cast<uint8_t>((scales[g + 8] & 15) | (scales[g] >> 6) << 4);
    groups.min[g + 4] = static_cast<uint8_t>((scales[g + 8] >> 4) | (scales[g + 4] >> 6) << 4);
  }
  return groups;
}

void Q4_K::pack_groups(const Groups& groups, uint8_t scales[12]) {
  for (int g = 0; g < 4; ++g) {
    const int scale = groups.scale[g + 4];
    const int min = groups.min[g + 4];
    scales[g] = static_cast<uint8_t>(groups.scale[g] | (scale >> 4) << 6);
    scales[g + 4] = static_cast<uint8_t>(groups.min[g] | (min >> 4) << 6);
    scales[g + 8] = static_cast<uint8_t>((scale & 15) | (min & 15) << 4);
  }
}

void Q4_K::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  const float d = F16::decode(block.d);
  const float dmin = F16::decode(block.dmin);
  const Groups groups = unpack_groups(block.scales);
  for (int g = 0; g < kGroups; ++g) {
    scale[g] = d * static_cast<float>(groups.scale[g]);
    min[g] = dmin * static_cast<float>(groups.min[g]);
    const uint8_t* run = block.q + g / 2 * kGroup;
    const int shift = g % 2 * 4;
    for (int i = 0; i < kGroup; ++i) *q++ = static_cast<int8_t>((run[i] >> shift) & 15);
  }
}

void Q4_K::decode_block(const Block& block, float* out) {
  multiply_out<Q4_K>(block, out);
}

void Q4_K::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  const auto best = fit::fit_block<kGroups>(s, kLevels, kMost, kMoves, kTops);
  block.d = s.stored(best.d);
  block.dmin = s.stored(best.dmin);
  Groups groups;
  for (int g = 0; g < kGroups; ++g) {
    groups.scale[g] = static_cast<uint8_t>(best.scale[g]);
    groups.min[g] = static_cast<uint8_t>(best.min[g]);
    int8_t q[kGroup];
    fit::store_group(s.x + g * kGroup, kGroup, best.line(g), kLevels, q);
    uint8_t* run = block.q + g / 2 * kGroup;
    for (int i = 0; i < kGroup; ++i) run[i] = static_cast<uint8_t>(run[i] | q[i] << (g % 2 * 4));
  }
  pack_groups(groups, block.scales);
}

}  // namespace hearth
