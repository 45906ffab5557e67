// SipHash-2-4 (Aumasson, Bernstein 2012): a keyed pseudo-random function of short messages. Whoever
// lacks the 128-bit key can't tell its numbers from coins. The message comes in words, so that many
// messages with one beginning absorb it once: a copy of the state, then the end of each.
#pragma once

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

  // finish() of several at once: `Words` is a vector of gcc's. Inlined, so that it is compiled for
  // the caller's instruction set.
  template <typename Words>
  [[gnu::always_inline]] void finish_each(const Words& rests, uint64_t bytes, Words& out) const {
    const Words word = rests | (length_ + bytes) << 56;
    Words v0 = Words{} + v0_, v1 = Words{} + v1_, v2 = Words{} + v2_, v3 = word ^ v3_;
    round(v0, v1, v2, v3);
    round(v0, v1, v2, v3);
    v0 ^= word;
    v2 ^= 0xFF;
    for (int i = 0; i < 4; ++i) round(v0, v1, v2, v3);
    out = v0 ^ v1 ^ v2 ^ v3;
  }

 private:
  constexpr void compress(uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }
  constexpr void round() { round(v0_, v1_, v2_, v3_); }

  // Of one state, or of several.
  template <typename Word>
  [[gnu::always_inline]] static constexpr void round(Word& v0, Word& v1, Word& v2, Word& v3) {
    v0 += v1;
    v2 += v3;
    v1 = (v1 << 13 | v1 >> 51) ^ v0;
    v3 = (v3 << 16 | v3 >> 48) ^ v2;
    v0 = v0 << 32 | v0 >> 32;
    v2 += v1;
    v0 += v3;
    v1 = (v1 << 17 | v1 >> 47) ^ v2;
    v3 = (v3 << 21 | v3 >> 43) ^ v0;
    v2 = v2 << 32 | v2 >> 32;
  }

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t length_ = 0;  // bytes absorbed
};

// A number as a uniform one in (0, 1), both ends left out: the middles of 2^52 equal steps.
constexpr double open_unit(uint64_t number) {
  return (static_cast<double>(number >> 12) + 0.5) * 0x1.0p-52;
}

}  // namespace hearth
