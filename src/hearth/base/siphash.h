// SipHash-2-4 (Aumasson, Bernstein 2012): a keyed pseudo-random function of short messages. Whoever
// lacks the 128-bit key can't tell its numbers from coins. The message comes in words, so that many
// messages with one beginning absorb it once: a copy of the state, then the end of each.
#pragma once

#include <bit>
#include <cstdint>

namespace hearth {

// The sixteen bytes of the key as two little-endian words.
struct SipKey {
  uint64_t low = 0, high = 0;
  bool operator==(const SipKey&) const = default;
};

class SipHash {
 public:
  explicit constexpr SipHash(const SipKey& key)
      : v0_(key.low ^ 0x736F6D6570736575u),
        v1_(key.high ^ 0x646F72616E646F6Du),
        v2_(key.low ^ 0x6C7967656E657261u),
        v3_(key.high ^ 0x7465646279746573u) {}

  // Eight bytes more, little-endian.
  constexpr void absorb(uint64_t word) {
    length_ += 8;
    compress(word);
  }

  // The hash of what was absorbed and, behind it, the lowest `bytes` < 8 bytes of `rest`, whose
  // others are zero.
  constexpr uint64_t finish(uint64_t rest, uint64_t bytes) const {
    SipHash s = *this;
    s.compress(rest | (length_ + bytes) << 56);
    s.v2_ ^= 0xFF;
    for (int i = 0; i < 4; ++i) s.round();
    return s.v0_ ^ s.v1_ ^ s.v2_ ^ s.v3_;
  }

 private:
  constexpr void compress(uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }

  constexpr void round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v1_;
    v0_ += v3_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t length_ = 0;  // bytes absorbed
};

// A number as a uniform one in (0, 1), both ends left out: the middles of 2^52 equal steps.
constexpr double open_unit(uint64_t number) {
  return (static_cast<double>(number >> 12) + 0.5) * 0x1.0p-52;
}

}  // namespace hearth
