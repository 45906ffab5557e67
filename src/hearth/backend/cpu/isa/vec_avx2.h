// 16 lanes as two AVX registers; for AVX2, and for AVX-VNNI, whose byte products come in one
// instruction.
#pragma once

#include <immintrin.h>

#include <cstdint>

constexpr int kGemmRows = 3;  // rows of a float_gemm tile: two registers each
constexpr int kTileX = 1;     // activation rows in a tile: what the registers hold

struct Vec16 {
  __m256 lo, hi;
};
static inline Vec16 vec_zero() {
  return {_mm256_setzero_ps(), _mm256_setzero_ps()};
}
static inline Vec16 vec_set(float a) {
  return {_mm256_set1_ps(a), _mm256_set1_ps(a)};
}
static inline Vec16 vec_load(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline void vec_store(float* p, Vec16 v) {
  _mm256_storeu_ps(p, v.lo);
  _mm256_storeu_ps(p + 8, v.hi);
}
static inline Vec16 vec_fma(Vec16 a, Vec16 b, Vec16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
static inline Vec16 vec_mul(Vec16 a, Vec16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
static inline Vec16 vec_add(Vec16 a, Vec16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
static inline Vec16 vec_div(Vec16 a, Vec16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
static inline Vec16 vec_max(Vec16 a, Vec16 b) {  // b where one is NaN
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
static inline Vec16 vec_clamp(Vec16 a, float low, float high) {  // NaN stays
  const __m256 least = _mm256_set1_ps(low), most = _mm256_set1_ps(high);
  return {_mm256_min_ps(most, _mm256_max_ps(least, a.lo)),
          _mm256_min_ps(most, _mm256_max_ps(least, a.hi))};
}
static inline float vec_sum(Vec16 v) {
  const __m256 eight = _mm256_add_ps(v.lo, v.hi);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
static inline float vec_largest(Vec16 v) {
  const __m256 eight = _mm256_max_ps(v.lo, v.hi);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}
static inline __m256 half_from_bf16(const uint16_t* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
static inline Vec16 vec_from_bf16(const uint16_t* p) {
  return {half_from_bf16(p), half_from_bf16(p + 8)};
}
static inline Vec16 vec_from_f16(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
}
static inline Vec16 vec_from_f8(const uint8_t* p) {  // E4M3, times 2^-8: its bits as those of F16
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m256i bits = _mm256_slli_epi16(_mm256_cvtepi8_epi16(bytes), 7);
  const __m256i halves = _mm256_and_si256(bits, _mm256_set1_epi16(static_cast<int16_t>(0xbfff)));
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(halves)),
          _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1))};
}
static inline Vec16 vec_from_i8(const int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}
static inline Vec16 vec_from_u8(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
}

// 16 lanes of four bytes: lane = weight row, byte = one of four neighbouring columns.
struct Bytes {
  __m256i lo, hi;
};
struct Ints {  // 16 lanes of int32
  __m256i lo, hi;
};
#if defined(__AVXVNNI__)
constexpr int kSignedOffset = 128;  // as in vec_avx512.h
#else
constexpr int kSignedOffset = 0;  // signed weights stay as they are
#endif
// Tokens whose sums stay in registers beside a block of weights.
constexpr int64_t kPassTokens = 4;

static inline __m256i load_half(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
static inline Bytes bytes_load(const uint8_t* p) {
  return {load_half(p), load_half(p + 32)};
}
static inline void bytes_store(uint8_t* p, Bytes a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.lo);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), a.hi);
}
static inline Bytes bytes_set(uint8_t b) {
  return {_mm256_set1_epi8(static_cast<char>(b)), _mm256_set1_epi8(static_cast<char>(b))};
}
static inline Bytes bytes_and(Bytes a, Bytes b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
static inline Bytes bytes_or(Bytes a, Bytes b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
static inline Bytes bytes_xor(Bytes a, Bytes b) {
  return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};
}
static inline Bytes bytes_add(Bytes a, Bytes b) {
  return {_mm256_add_epi8(a.lo, b.lo), _mm256_add_epi8(a.hi, b.hi)};
}
static inline __m256i third_half(__m256i a) {
  const __m256i most = _mm256_set1_epi8(static_cast<char>(171)), more = _mm256_set1_epi8(86);
  const __m256i second = _mm256_cmpeq_epi8(_mm256_max_epu8(a, more), a);  // 0 or -1
  const __m256i third = _mm256_cmpeq_epi8(_mm256_max_epu8(a, most), a);
  return _mm256_abs_epi8(_mm256_add_epi8(second, third));
}
static inline Bytes bytes_third(Bytes a) {  // in which third of [0, 256) a lies: 0, 1 or 2
  return {third_half(a.lo), third_half(a.hi)};
}
// Signed weights as ints_dot_signed wants them, from w + kOffset.
template <int kOffset>
static inline Bytes bytes_from_offset(Bytes a) {
  const __m256i offset = _mm256_set1_epi8(static_cast<char>(kSignedOffset - kOffset));
  return {_mm256_add_epi8(a.lo, offset), _mm256_add_epi8(a.hi, offset)};
}
// Bits move within the lane of four bytes: mask afterwards.
template <int kBits>
static inline Bytes bytes_shift_right(Bytes a) {
  return {_mm256_srli_epi32(a.lo, kBits), _mm256_srli_epi32(a.hi, kBits)};
}
template <int kBits>
static inline Bytes bytes_shift_left(Bytes a) {
  return {_mm256_slli_epi32(a.lo, kBits), _mm256_slli_epi32(a.hi, kBits)};
}
static inline Bytes bytes_from_signed(Bytes a) {
  return bytes_from_offset<0>(a);
}
static inline Bytes bytes_table(const int8_t* sixteen) {
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sixteen)));
  return {table, table};
}
static inline Bytes bytes_lookup(Bytes table, Bytes index) {
  return {_mm256_shuffle_epi8(table.lo, index.lo), _mm256_shuffle_epi8(table.hi, index.hi)};
}
// The lanes of four bytes as numbers of 32 bits.
static inline Bytes words_set(uint32_t a) {
  return {_mm256_set1_epi32(static_cast<int32_t>(a)), _mm256_set1_epi32(static_cast<int32_t>(a))};
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
  return {_mm256_srai_epi32(a.lo, 31), _mm256_srai_epi32(a.hi, 31)};
}
static inline Bytes words_lookup(const uint32_t* table, Bytes index) {
  const auto* from = reinterpret_cast<const int32_t*>(table);
  return {_mm256_i32gather_epi32(from, index.lo, 4), _mm256_i32gather_epi32(from, index.hi, 4)};
}
static inline Ints ints_from_words(Bytes a) {
  return {a.lo, a.hi};
}
static inline Bytes bytes_broadcast_quad(const int8_t* p) {
  int32_t quad;
  __builtin_memcpy(&quad, p, 4);
  return {_mm256_set1_epi32(quad), _mm256_set1_epi32(quad)};
}
static inline Ints ints_load(const int32_t* p) {
  return {load_half(p), load_half(p + 8)};
}
static inline Ints ints_set(int32_t a) {
  return {_mm256_set1_epi32(a), _mm256_set1_epi32(a)};
}
#if defined(__AVXVNNI__)
static inline Ints ints_dot_unsigned(Ints sum, Bytes w, Bytes x) {
  return {_mm256_dpbusd_avx_epi32(sum.lo, w.lo, x.lo), _mm256_dpbusd_avx_epi32(sum.hi, w.hi, x.hi)};
}
static inline Ints ints_dot_signed(Ints sum, Bytes w, Bytes x) {
  return ints_dot_unsigned(sum, w, x);
}
#else
// A pair of products must fit 16 bits: unsigned weights up to 127, signed ones by their magnitude.
static inline __m256i dot_half(__m256i sum, __m256i w, __m256i x) {
  const __m256i pairs = _mm256_maddubs_epi16(w, x);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
static inline Ints ints_dot_unsigned(Ints sum, Bytes w, Bytes x) {
  return {dot_half(sum.lo, w.lo, x.lo), dot_half(sum.hi, w.hi, x.hi)};
}
static inline Ints ints_dot_signed(Ints sum, Bytes w, Bytes x) {
  return {dot_half(sum.lo, _mm256_abs_epi8(w.lo), _mm256_sign_epi8(x.lo, w.lo)),
          dot_half(sum.hi, _mm256_abs_epi8(w.hi), _mm256_sign_epi8(x.hi, w.hi))};
}
#endif
static inline Vec16 vec_from_ints(Ints a) {
  return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)};
}
static inline Ints ints_round(Vec16 a) {  // to nearest, ties to even
  return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)};
}
static inline void ints_store_i8(int8_t* p, Ints a) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.lo, a.hi), 0xd8);
  const __m128i bytes =
      _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}
static inline int32_t ints_sum(Ints a) {
  const __m256i eight = _mm256_add_epi32(a.lo, a.hi);
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}
static inline Ints ints_magnitude_bits(Vec16 a) {  // |a| as integers that sort alike, NaN on top
  const __m256i mask = _mm256_set1_epi32(0x7fffffff);
  return {_mm256_and_si256(_mm256_castps_si256(a.lo), mask),
          _mm256_and_si256(_mm256_castps_si256(a.hi), mask)};
}
static inline int32_t ints_max(Ints a, Ints b) {
  const __m256i eight =
      _mm256_max_epi32(_mm256_max_epi32(a.lo, a.hi), _mm256_max_epi32(b.lo, b.hi));
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}
static inline Vec16 vec_power_of_two(Ints n) {  // 2^n, n in [-126, 127]
  const __m256i bias = _mm256_set1_epi32(127);
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n.lo, bias), 23)),
          _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n.hi, bias), 23))};
}
