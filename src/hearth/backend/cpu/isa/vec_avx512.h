// 16 lanes as one AVX-512 register. The sum is written out: _mm512_reduce_add_ps leaves its order
// to the compiler.
#pragma once

#include <immintrin.h>

#include <cstdint>

constexpr int kGemmRows = 12;  // rows of a float_gemm tile: two registers each
constexpr int kTileX = 4;      // activation rows in a tile: what the registers hold

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
static inline Vec16 vec_add(Vec16 a, Vec16 b) {
  return {_mm512_add_ps(a.v, b.v)};
}
static inline Vec16 vec_div(Vec16 a, Vec16 b) {
  return {_mm512_div_ps(a.v, b.v)};
}
static inline Vec16 vec_clamp(Vec16 a, float low, float high) {  // NaN stays
  return {_mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), a.v))};
}
static inline Vec16 vec_max(Vec16 a, Vec16 b) {  // b where one is NaN
  return {_mm512_max_ps(a.v, b.v)};
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
static inline float vec_largest(Vec16 v) {
  return _mm512_reduce_max_ps(v.v);
}
static inline Vec16 vec_from_bf16(const uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
static inline Vec16 vec_from_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
static inline Vec16 vec_from_f8(const uint8_t* p) {  // E4M3, times 2^-8: its bits as those of F16
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m256i bits = _mm256_slli_epi16(_mm256_cvtepi8_epi16(bytes), 7);
  const __m256i halves = _mm256_and_si256(bits, _mm256_set1_epi16(static_cast<int16_t>(0xbfff)));
  return {_mm512_cvtph_ps(halves)};
}
static inline Vec16 vec_from_i8(const int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
}

// 16 lanes of four bytes: lane = weight row, byte = one of four neighbouring columns.
struct Bytes {
  __m512i v;
};
struct Ints {  // 16 lanes of int32
  __m512i v;
};
// vpdpbusd multiplies unsigned by signed bytes: signed weights are stored 128 higher, and the sum
// starts at -128 times the sum of the activations.
constexpr int kSignedOffset = 128;
// Tokens whose sums stay in registers beside a block of weights.
constexpr int64_t kPassTokens = 8;

static inline Bytes bytes_load(const uint8_t* p) {
  return {_mm512_loadu_si512(p)};
}
static inline void bytes_store(uint8_t* p, Bytes a) {
  _mm512_storeu_si512(p, a.v);
}
static inline Bytes bytes_set(uint8_t b) {
  return {_mm512_set1_epi8(static_cast<char>(b))};
}
static inline Bytes bytes_and(Bytes a, Bytes b) {
  return {_mm512_and_si512(a.v, b.v)};
}
static inline Bytes bytes_or(Bytes a, Bytes b) {
  return {_mm512_or_si512(a.v, b.v)};
}
static inline Bytes bytes_xor(Bytes a, Bytes b) {
  return {_mm512_xor_si512(a.v, b.v)};
}
static inline Bytes bytes_add(Bytes a, Bytes b) {
  return {_mm512_add_epi8(a.v, b.v)};
}
static inline Bytes bytes_third(Bytes a) {  // in which third of [0, 256) a lies: 0, 1 or 2
  const __m512i one = _mm512_set1_epi8(1);
  const __mmask64 second = _mm512_cmpge_epu8_mask(a.v, _mm512_set1_epi8(86));
  const __mmask64 third = _mm512_cmpge_epu8_mask(a.v, _mm512_set1_epi8(static_cast<char>(171)));
  return {_mm512_mask_add_epi8(_mm512_maskz_mov_epi8(second, one), third, one, one)};
}
// Signed weights as ints_dot_signed wants them, from w + kOffset.
template <int kOffset>
static inline Bytes bytes_from_offset(Bytes a) {
  return {_mm512_add_epi8(a.v, _mm512_set1_epi8(128 - kOffset))};
}
// Bits move within the lane of four bytes: mask afterwards.
template <int kBits>
static inline Bytes bytes_shift_right(Bytes a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}
template <int kBits>
static inline Bytes bytes_shift_left(Bytes a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
// Signed weights as ints_dot_signed wants them.
static inline Bytes bytes_from_signed(Bytes a) {
  return {_mm512_xor_si512(a.v, _mm512_set1_epi8(-128))};
}
static inline Bytes bytes_table(const int8_t* sixteen) {
  return {_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sixteen)))};
}
static inline Bytes bytes_lookup(Bytes table, Bytes index) {
  return {_mm512_shuffle_epi8(table.v, index.v)};
}
// The lanes of four bytes as numbers of 32 bits.
static inline Bytes words_set(uint32_t a) {
  return {_mm512_set1_epi32(static_cast<int32_t>(a))};
}
template <int kBits>
static inline Bytes words_shift_right(Bytes a) {
  return bytes_shift_right<kBits>(a);
}
template <int kBits>
static inline Bytes words_shift_left(Bytes a) {
  return bytes_shift_left<kBits>(a);
}
static inline Bytes words_spread_sign(Bytes a) {  // all bits of a lane become its highest
  return {_mm512_srai_epi32(a.v, 31)};
}
static inline Bytes words_lookup(const uint32_t* table, Bytes index) {
  return {_mm512_i32gather_epi32(index.v, table, 4)};
}
static inline Ints ints_from_words(Bytes a) {
  return {a.v};
}
static inline Bytes bytes_broadcast_quad(const int8_t* p) {
  int32_t quad;
  __builtin_memcpy(&quad, p, 4);
  return {_mm512_set1_epi32(quad)};
}
static inline Ints ints_load(const int32_t* p) {
  return {_mm512_loadu_si512(p)};
}
static inline Ints ints_set(int32_t a) {
  return {_mm512_set1_epi32(a)};
}
static inline Ints ints_dot_unsigned(Ints sum, Bytes w, Bytes x) {
  return {_mm512_dpbusd_epi32(sum.v, w.v, x.v)};
}
static inline Ints ints_dot_signed(Ints sum, Bytes w, Bytes x) {
  return {_mm512_dpbusd_epi32(sum.v, w.v, x.v)};
}
static inline Vec16 vec_from_ints(Ints a) {
  return {_mm512_cvtepi32_ps(a.v)};
}
static inline Ints ints_round(Vec16 a) {  // to nearest, ties to even
  return {_mm512_cvtps_epi32(a.v)};
}
static inline void ints_store_i8(int8_t* p, Ints a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_maskz_cvtepi32_epi8(0xffff, a.v));
}
static inline int32_t ints_sum(Ints a) {
  return _mm512_reduce_add_epi32(a.v);
}
static inline Ints ints_magnitude_bits(Vec16 a) {  // |a| as integers that sort alike, NaN on top
  return {_mm512_and_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x7fffffff))};
}
static inline int32_t ints_max(Ints a, Ints b) {
  return _mm512_reduce_max_epi32(_mm512_max_epi32(a.v, b.v));
}
static inline Vec16 vec_from_u8(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
}
static inline Vec16 vec_power_of_two(Ints n) {  // 2^n, n in [-126, 127]
  return {
      _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n.v, _mm512_set1_epi32(127)), 23))};
}
