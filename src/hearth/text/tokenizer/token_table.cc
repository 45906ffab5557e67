// Linear probing at a load of at most one half.
#include "hearth/text/tokenizer/token_table.h"

#include <cstring>
#include <random>
#include <utility>

namespace hearth {
namespace {

uint64_t process_seed() {
  static const uint64_t seed = [] {
    std::random_device device;
    return (static_cast<uint64_t>(device()) << 32) | device();
  }();
  return seed;
}

uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93;
  return x ^ (x >> 32);
}

}  // namespace

uint64_t seeded_hash(uint64_t key) {
  return mix(key ^ process_seed());
}

uint64_t seeded_hash(std::string_view bytes) {
  uint64_t hash = process_seed() ^ bytes.size();
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    hash = mix(hash ^ word);
    bytes.remove_prefix(8);
  }
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  return mix(hash ^ word);
}

void TokenTable::add(std::string_view bytes) {
  arena_ += bytes;
  ends_.push_back(arena_.size());
}

void TokenTable::index(int32_t id) {
  if (2 * (used_ + 1) > slots_.size()) grow();
  const std::string_view key = bytes(id);
  const size_t mask = slots_.size() - 1;
  size_t slot = seeded_hash(key) & mask;
  while (slots_[slot] >= 0 && bytes(slots_[slot]) != key) slot = (slot + 1) & mask;
  if (slots_[slot] < 0) ++used_;
  slots_[slot] = id;
}

int32_t TokenTable::find(std::string_view key) const {
  if (slots_.empty()) return -1;
  const size_t mask = slots_.size() - 1;
  size_t slot = seeded_hash(key) & mask;
  while (slots_[slot] >= 0 && bytes(slots_[slot]) != key) slot = (slot + 1) & mask;
  return slots_[slot];
}

void TokenTable::grow() {
  std::vector<int32_t> old =
      std::exchange(slots_, std::vector<int32_t>(slots_.empty() ? 1024 : 2 * slots_.size(), -1));
  used_ = 0;
  for (const int32_t id : old) {
    if (id >= 0) index(id);
  }
}

}  // namespace hearth
