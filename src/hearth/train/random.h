// Numbers from a seed, the same on every machine: the start of an adapter and the order of the
// data. std::shuffle and the standard's distributions differ between libraries.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/random.h"

namespace hearth::train {

// Number `index` of the stream `key`.
inline uint64_t random_bits(uint64_t key, uint64_t index) {
  return splitmix64(key + (index + 1) * kSplitMixStep);
}

// The stream of a name under a seed.
inline uint64_t random_key(uint64_t seed, std::string_view name) {
  return random_bits(seed, fnv1a(name));
}

// In [0, 1), 53 bits.
inline double random_unit(uint64_t key, uint64_t index) {
  return static_cast<double>(random_bits(key, index) >> 11) * 0x1p-53;
}

// 0 .. count - 1 in random order (Fisher and Yates). The bias of the remainder is below count /
// 2^64.
inline std::vector<int64_t> random_order(uint64_t key, int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[random_bits(key, i) % i]);
  }
  return order;
}

}  // namespace hearth::train
