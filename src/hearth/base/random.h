// The two small functions behind everything that is drawn from a seed, the same on every machine.
// What each user adds to their arguments is part of its numbers.
#pragma once

#include <cstdint>
#include <string_view>

namespace hearth {

// SplitMix64's finaliser (Steele, Lea, Flood 2014): a bijection of 64 bits that, over a counter in
// steps of kSplitMixStep, passes as random noise.
inline constexpr uint64_t kSplitMixStep = 0x9E3779B97F4A7C15u;

constexpr uint64_t splitmix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// FNV-1a of a text, from a start that is the usual one or another.
inline constexpr uint64_t kFnvStart = 0xCBF29CE484222325u;

constexpr uint64_t fnv1a(std::string_view text, uint64_t start = kFnvStart) {
  uint64_t hash = start;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

}  // namespace hearth
