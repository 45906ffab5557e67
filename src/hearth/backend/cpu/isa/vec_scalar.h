// 16 lanes in plain C++: the portable fallback, and the meaning of the others.
#pragma once

#include <cstdint>

#include "hearth/backend/cpu/isa/float_from_f16.inc"

constexpr int kTileX = 1;  // activation rows in a tile: what the registers hold

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
// (i) + (i + 8), then + 4, + 2, + 1: the order that halving registers gives.
static inline float vec_sum(Vec16 v) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) v.lane[i] += v.lane[i + half];
  }
  return v.lane[0];
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
static inline Vec16 vec_from_i8(const int8_t* p) {
  Vec16 v;
  for (int i = 0; i < 16; ++i) v.lane[i] = p[i];
  return v;
}
