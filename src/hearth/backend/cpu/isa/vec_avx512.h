// 16 lanes as one AVX-512 register. The sum is written out: _mm512_reduce_add_ps leaves its order
// to the compiler.
#pragma once

#include <immintrin.h>

#include <cstdint>

constexpr int kTileX = 4;  // activation rows in a tile: what the registers hold

struct Vec16 {
  __m512 v;
};
static inline Vec16 vec_zero() {
  return {_mm512_setzero_ps()};
}
static inline Vec16 vec_set(float a) {
  return {_mm512_set1_ps(a)};
}
static inline Vec16 vec_load(const float* p) {
  return {_mm512_loadu_ps(p)};
}
static inline void vec_store(float* p, Vec16 v) {
  _mm512_storeu_ps(p, v.v);
}
static inline Vec16 vec_fma(Vec16 a, Vec16 b, Vec16 c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
static inline Vec16 vec_mul(Vec16 a, Vec16 b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
static inline float vec_sum(Vec16 v) {
  // The maskz forms: gcc 12 warns of an uninitialised source inside the plain ones.
  const __m256 low = _mm512_maskz_extractf32x8_ps(0xff, v.v, 0);
  const __m256 high = _mm512_maskz_extractf32x8_ps(0xff, v.v, 1);
  const __m256 eight = _mm256_add_ps(low, high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
static inline Vec16 vec_from_bf16(const uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
static inline Vec16 vec_from_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
static inline Vec16 vec_from_i8(const int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
}
