// 16 lanes in plain C++: the portable fallback, and the meaning of the others.
#pragma once

#include <cstdint>

#include "hearth/backend/cpu/isa/float_from_f16.inc"

constexpr int kGemmRows = 3;  // rows of a float_gemm tile: two registers each
constexpr int kTileX = 1;     // activation rows in a tile: what the registers hold

struct Vec16 {
  float lane[16];
};
static inline Vec16 vec_zero() {
  return {};
}
static inline Vec16 vec_set(float a) {
  Vec16 v;
  for (int i = 0; i < 16; ++i) v.lane[i] = a;
  return v;
}
static inline Vec16 vec_load(const float* p) {
  Vec16 v;
  for (int i = 0; i < 16; ++i) v.lane[i] = p[i];
  return v;
}
static inline void vec_store(float* p, Vec16 v) {
  for (int i = 0; i < 16; ++i) p[i] = v.lane[i];
}
static inline Vec16 vec_fma(Vec16 a, Vec16 b, Vec16 c) {
  for (int i = 0; i < 16; ++i) c.lane[i] = __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]);
  return c;
}
static inline Vec16 vec_mul(Vec16 a, Vec16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] *= b.lane[i];
  return a;
}
static inline Vec16 vec_add(Vec16 a, Vec16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] += b.lane[i];
  return a;
}
static inline Vec16 vec_div(Vec16 a, Vec16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] /= b.lane[i];
  return a;
}
static inline Vec16 vec_max(Vec16 a, Vec16 b) {  // b where one is NaN
  for (int i = 0; i < 16; ++i) a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
  return a;
}
static inline Vec16 vec_clamp(Vec16 a, float low, float high) {  // NaN stays
  for (int i = 0; i < 16; ++i) {
    if (a.lane[i] < low) a.lane[i] = low;
    if (a.lane[i] > high) a.lane[i] = high;
  }
  return a;
}
// (i) + (i + 8), then + 4, + 2, + 1: the order that halving registers gives.
static inline float vec_sum(Vec16 v) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) v.lane[i] += v.lane[i + half];
  }
  return v.lane[0];
}
static inline float vec_largest(Vec16 v) {
  float most = v.lane[0];
  for (int i = 1; i < 16; ++i) most = v.lane[i] > most ? v.lane[i] : most;
  return most;
}
static inline Vec16 vec_from_bf16(const uint16_t* p) {
  Vec16 v;
  for (int i = 0; i < 16; ++i) {
    const uint32_t bits = static_cast<uint32_t>(p[i]) << 16;
    __builtin_memcpy(&v.lane[i], &bits, 4);
  }
  return v;
}
static inline Vec16 vec_from_f16(const uint16_t* p) {
  Vec16 v;
  for (int i = 0; i < 16; ++i) v.lane[i] = float_from_f16(p[i]);
  return v;
}
static inline Vec16 vec_from_f8(const uint8_t* p) {  // E4M3, times 2^-8: its bits as those of F16
  Vec16 v;
  for (int i = 0; i < 16; ++i) {
    v.lane[i] = float_from_f16(static_cast<uint16_t>((p[i] & 0x80) << 8 | (p[i] & 0x7f) << 7));
  }
  return v;
}
static inline Vec16 vec_from_i8(const int8_t* p) {
  Vec16 v;
  for (int i = 0; i < 16; ++i) v.lane[i] = p[i];
  return v;
}
static inline Vec16 vec_from_u8(const uint8_t* p) {
  Vec16 v;
  for (int i = 0; i < 16; ++i) v.lane[i] = p[i];
  return v;
}

// 16 lanes of four bytes: lane = weight row, byte = one of four neighbouring columns.
struct Bytes {
  uint8_t b[64];
};
struct Ints {  // 16 lanes of int32
  int32_t lane[16];
};
constexpr int kSignedOffset = 0;  // signed weights stay as they are
// Tokens of a pass over a block of weights.
constexpr int64_t kPassTokens = 4;

static inline Bytes bytes_load(const uint8_t* p) {
  Bytes out;
  __builtin_memcpy(out.b, p, 64);
  return out;
}
static inline void bytes_store(uint8_t* p, Bytes a) {
  __builtin_memcpy(p, a.b, 64);
}
static inline Bytes bytes_set(uint8_t b) {
  Bytes out;
  for (int i = 0; i < 64; ++i) out.b[i] = b;
  return out;
}
static inline Bytes bytes_and(Bytes a, Bytes b) {
  for (int i = 0; i < 64; ++i) a.b[i] = static_cast<uint8_t>(a.b[i] & b.b[i]);
  return a;
}
static inline Bytes bytes_or(Bytes a, Bytes b) {
  for (int i = 0; i < 64; ++i) a.b[i] = static_cast<uint8_t>(a.b[i] | b.b[i]);
  return a;
}
static inline Bytes bytes_xor(Bytes a, Bytes b) {
  for (int i = 0; i < 64; ++i) a.b[i] = static_cast<uint8_t>(a.b[i] ^ b.b[i]);
  return a;
}
static inline Bytes bytes_add(Bytes a, Bytes b) {
  for (int i = 0; i < 64; ++i) a.b[i] = static_cast<uint8_t>(a.b[i] + b.b[i]);
  return a;
}
static inline Bytes bytes_third(Bytes a) {  // in which third of [0, 256) a lies: 0, 1 or 2
  for (int i = 0; i < 64; ++i) a.b[i] = static_cast<uint8_t>(3 * a.b[i] >> 8);
  return a;
}
// Signed weights as ints_dot_signed wants them, from w + kOffset.
template <int kOffset>
static inline Bytes bytes_from_offset(Bytes a) {
  for (int i = 0; i < 64; ++i) a.b[i] = static_cast<uint8_t>(a.b[i] - kOffset);
  return a;
}
// Each byte by itself; the wider sets let bits cross, so mask afterwards.
template <int kBits>
static inline Bytes bytes_shift_right(Bytes a) {
  for (int i = 0; i < 64; ++i) a.b[i] = static_cast<uint8_t>(a.b[i] >> kBits);
  return a;
}
template <int kBits>
static inline Bytes bytes_shift_left(Bytes a) {
  for (int i = 0; i < 64; ++i) a.b[i] = static_cast<uint8_t>(a.b[i] << kBits);
  return a;
}
static inline Bytes bytes_from_signed(Bytes a) {
  return a;
}
static inline Bytes bytes_table(const int8_t* sixteen) {
  Bytes out;
  for (int i = 0; i < 64; ++i) out.b[i] = static_cast<uint8_t>(sixteen[i % 16]);
  return out;
}
static inline Bytes bytes_lookup(Bytes table, Bytes index) {
  for (int i = 0; i < 64; ++i) index.b[i] = table.b[index.b[i]];
  return index;
}
// The lanes of four bytes as numbers of 32 bits.
struct Words {
  uint32_t lane[16];
};
static inline Words words_of(Bytes a) {
  Words out;
  __builtin_memcpy(out.lane, a.b, 64);
  return out;
}
static inline Bytes bytes_of(Words a) {
  return bytes_load(reinterpret_cast<const uint8_t*>(a.lane));
}
static inline Bytes words_set(uint32_t a) {
  Words out;
  for (int i = 0; i < 16; ++i) out.lane[i] = a;
  return bytes_of(out);
}
template <int kBits>
static inline Bytes words_shift_right(Bytes a) {
  Words words = words_of(a);
  for (int i = 0; i < 16; ++i) words.lane[i] >>= kBits;
  return bytes_of(words);
}
template <int kBits>
static inline Bytes words_shift_left(Bytes a) {
  Words words = words_of(a);
  for (int i = 0; i < 16; ++i) words.lane[i] <<= kBits;
  return bytes_of(words);
}
static inline Bytes words_spread_sign(Bytes a) {  // all bits of a lane become its highest
  Words words = words_of(a);
  for (int i = 0; i < 16; ++i) words.lane[i] = 0u - (words.lane[i] >> 31);
  return bytes_of(words);
}
static inline Bytes words_lookup(const uint32_t* table, Bytes index) {
  Words words = words_of(index);
  for (int i = 0; i < 16; ++i) words.lane[i] = table[words.lane[i]];
  return bytes_of(words);
}
static inline Ints ints_from_words(Bytes a) {
  Ints out;
  __builtin_memcpy(out.lane, a.b, 64);
  return out;
}
static inline Bytes bytes_broadcast_quad(const int8_t* p) {
  Bytes out;
  for (int i = 0; i < 64; ++i) out.b[i] = static_cast<uint8_t>(p[i % 4]);
  return out;
}
static inline Ints ints_load(const int32_t* p) {
  Ints out;
  __builtin_memcpy(out.lane, p, 64);
  return out;
}
static inline Ints ints_set(int32_t a) {
  Ints out;
  for (int i = 0; i < 16; ++i) out.lane[i] = a;
  return out;
}
static inline Ints ints_dot_unsigned(Ints sum, Bytes w, Bytes x) {
  for (int i = 0; i < 64; ++i) sum.lane[i / 4] += w.b[i] * static_cast<int8_t>(x.b[i]);
  return sum;
}
static inline Ints ints_dot_signed(Ints sum, Bytes w, Bytes x) {
  for (int i = 0; i < 64; ++i) {
    sum.lane[i / 4] += static_cast<int8_t>(w.b[i]) * static_cast<int8_t>(x.b[i]);
  }
  return sum;
}
static inline Vec16 vec_from_ints(Ints a) {
  Vec16 v;
  for (int i = 0; i < 16; ++i) v.lane[i] = static_cast<float>(a.lane[i]);
  return v;
}
static inline Ints ints_round(Vec16 a) {  // to nearest, ties to even; NaN as the vector sets do
  Ints out;
  for (int i = 0; i < 16; ++i) {
    const float magic = 0x1.8p23f;  // the sum's last bit is worth 1; |a| < 2^22
    const bool in_range = a.lane[i] >= -0x1p22f && a.lane[i] <= 0x1p22f;
    out.lane[i] = in_range ? static_cast<int32_t>((a.lane[i] + magic) - magic) : INT32_MIN;
  }
  return out;
}
static inline void ints_store_i8(int8_t* p, Ints a) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<int8_t>(a.lane[i]);
}
static inline int32_t ints_sum(Ints a) {
  uint32_t sum = 0;  // wraps as the vector sets do
  for (int i = 0; i < 16; ++i) sum += static_cast<uint32_t>(a.lane[i]);
  return static_cast<int32_t>(sum);
}
static inline Ints ints_magnitude_bits(Vec16 a) {  // |a| as integers that sort alike, NaN on top
  Ints out;
  __builtin_memcpy(out.lane, a.lane, sizeof out.lane);
  for (int i = 0; i < 16; ++i) out.lane[i] &= 0x7fffffff;
  return out;
}
static inline int32_t ints_max(Ints a, Ints b) {
  int32_t most = 0;
  for (int i = 0; i < 16; ++i) {
    if (a.lane[i] > most) most = a.lane[i];
    if (b.lane[i] > most) most = b.lane[i];
  }
  return most;
}
static inline Vec16 vec_power_of_two(Ints n) {  // 2^n, n in [-126, 127]
  Vec16 out;
  for (int i = 0; i < 16; ++i) {
    const uint32_t bits = (static_cast<uint32_t>(n.lane[i]) + 127u) << 23;
    __builtin_memcpy(out.lane + i, &bits, 4);
  }
  return out;
}
