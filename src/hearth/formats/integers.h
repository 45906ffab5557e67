// Blocks as integers: a codec's decode_integers multiplied out, which is what decode_block of most
// quantised formats is; and the packing that several of them share.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hearth {

template <typename Codec>
void multiply_out(const typename Codec::Block& block, float* out) {
  constexpr int kGroups = Codec::kElements / Codec::kGroup;
  int8_t q[Codec::kElements];
  float scale[kGroups], min[kGroups] = {};
  Codec::decode_integers(block, q, scale, min);
  for (int g = 0; g < kGroups; ++g) {
    for (int i = g * Codec::kGroup; i < (g + 1) * Codec::kGroup; ++i) {
      const float product = scale[g] * static_cast<float>(q[i]);
      out[i] = Codec::kHasMin ? product - min[g] : product;
    }
  }
}

// Nibble `index` of `bytes`, the low one of a byte first.
inline int nibble(const uint8_t* bytes, int index) {
  return bytes[index / 2] >> (index % 2 * 4) & 15;
}

// 32 numbers in 16 bytes: q[0..15] in the low nibbles, q[16..31] in the high ones.
inline void unpack_nibbles(const uint8_t bytes[16], int8_t q[32]) {
  for (int i = 0; i < 16; ++i) {
    q[i] = static_cast<int8_t>(bytes[i] & 15);
    q[i + 16] = static_cast<int8_t>(bytes[i] >> 4);
  }
}

inline void pack_nibbles(const int8_t q[32], uint8_t bytes[16]) {
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<uint8_t>((q[i] & 15) | (q[i + 16] & 15) << 4);
}

// The same with a fifth bit each: bit i of the little-endian number `high` belongs to q[i].
inline void unpack_five_bits(const uint8_t bytes[16], const uint8_t high[4], int8_t q[32]) {
  unpack_nibbles(bytes, q);
  for (int byte = 0; byte < 4; ++byte) {
    for (int bit = 0; bit < 8; ++bit, ++q) {
      *q = static_cast<int8_t>(*q | (high[byte] >> bit & 1) << 4);
    }
  }
}

inline void pack_five_bits(const int8_t q[32], uint8_t bytes[16], uint8_t high[4]) {
  pack_nibbles(q, bytes);
  std::fill(high, high + 4, uint8_t{0});
  for (int i = 0; i < 32; ++i) {
    high[i / 8] = static_cast<uint8_t>(high[i / 8] | (q[i] >> 4 & 1) << (i % 8));
  }
}

// 256 two-bit numbers in 64 bytes: element i of part p of half h (p = 0..3, i = 0..31) in bits 2p
// and 2p + 1 of byte 32 h + i.
inline void unpack_two_bits(const uint8_t bytes[64], int8_t q[256]) {
  for (int half = 0; half < 2; ++half) {
    for (int shift = 0; shift < 8; shift += 2) {
      for (int i = 0; i < 32; ++i) *q++ = static_cast<int8_t>(bytes[half * 32 + i] >> shift & 3);
    }
  }
}

inline void pack_two_bits(const int8_t q[256], uint8_t bytes[64]) {
  std::fill(bytes, bytes + 64, uint8_t{0});
  for (int e = 0; e < 256; ++e) {
    uint8_t& byte = bytes[e / 128 * 32 + e % 32];
    byte = static_cast<uint8_t>(byte | (q[e] & 3) << (e / 32 % 4 * 2));
  }
}

}  // namespace hearth
