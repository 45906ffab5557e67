// 16 lanes as four NEON registers.
#pragma once

#include <arm_neon.h>

#include <cstdint>

constexpr int kGemmRows = 3;  // rows of a float_gemm tile: two registers each
constexpr int kTileX = 1;     // activation rows in a tile: what the registers hold

struct Vec16 {
  float32x4_t q[4];
};
static inline Vec16 vec_set(float a) {
  return {{vdupq_n_f32(a), vdupq_n_f32(a), vdupq_n_f32(a), vdupq_n_f32(a)}};
}
static inline Vec16 vec_zero() {
  return vec_set(0);
}
static inline Vec16 vec_load(const float* p) {
  return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}
static inline void vec_store(float* p, Vec16 v) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, v.q[i]);
}
static inline Vec16 vec_fma(Vec16 a, Vec16 b, Vec16 c) {
  for (int i = 0; i < 4; ++i) c.q[i] = vfmaq_f32(c.q[i], a.q[i], b.q[i]);
  return c;
}
static inline Vec16 vec_mul(Vec16 a, Vec16 b) {
  for (int i = 0; i < 4; ++i) a.q[i] = vmulq_f32(a.q[i], b.q[i]);
  return a;
}
static inline Vec16 vec_add(Vec16 a, Vec16 b) {
  for (int i = 0; i < 4; ++i) a.q[i] = vaddq_f32(a.q[i], b.q[i]);
  return a;
}
static inline Vec16 vec_div(Vec16 a, Vec16 b) {
  for (int i = 0; i < 4; ++i) a.q[i] = vdivq_f32(a.q[i], b.q[i]);
  return a;
}
static inline Vec16 vec_max(Vec16 a, Vec16 b) {  // b where one is NaN
  for (int i = 0; i < 4; ++i) a.q[i] = vbslq_f32(vcgtq_f32(a.q[i], b.q[i]), a.q[i], b.q[i]);
  return a;
}
static inline Vec16 vec_clamp(Vec16 a, float low, float high) {  // NaN stays
  for (int i = 0; i < 4; ++i) {
    a.q[i] = vminq_f32(vdupq_n_f32(high), vmaxq_f32(vdupq_n_f32(low), a.q[i]));
  }
  return a;
}
static inline float vec_sum(Vec16 v) {
  const float32x4_t four = vaddq_f32(vaddq_f32(v.q[0], v.q[2]), vaddq_f32(v.q[1], v.q[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
static inline float vec_largest(Vec16 v) {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(v.q[0], v.q[1]), vmaxq_f32(v.q[2], v.q[3])));
}
static inline Vec16 vec_from_bf16(const uint16_t* p) {
  Vec16 v;
  for (int i = 0; i < 4; ++i) {
    v.q[i] = vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16));
  }
  return v;
}
static inline Vec16 vec_from_f16(const uint16_t* p) {
  Vec16 v;
  for (int i = 0; i < 4; ++i) {
    v.q[i] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i)));
  }
  return v;
}
static inline Vec16 vec_from_f8(const uint8_t* p) {  // E4M3, times 2^-8: its bits as those of F16
  const int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(p));
  const int16x8_t wide[2] = {vmovl_s8(vget_low_s8(bytes)), vmovl_s8(vget_high_s8(bytes))};
  Vec16 v;
  for (int i = 0; i < 2; ++i) {
    const uint16x8_t bits = vreinterpretq_u16_s16(vshlq_n_s16(wide[i], 7));
    const float16x8_t halves = vreinterpretq_f16_u16(vandq_u16(bits, vdupq_n_u16(0xbfff)));
    v.q[2 * i] = vcvt_f32_f16(vget_low_f16(halves));
    v.q[2 * i + 1] = vcvt_f32_f16(vget_high_f16(halves));
  }
  return v;
}
static inline Vec16 vec_from_i8(const int8_t* p) {
  const int8x16_t bytes = vld1q_s8(p);
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
  const int16x8_t high = vmovl_s8(vget_high_s8(bytes));
  return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
           vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))),
           vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
           vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))}};
}
static inline Vec16 vec_from_u8(const uint8_t* p) {
  const uint8x16_t bytes = vld1q_u8(p);
  const uint16x8_t low = vmovl_u8(vget_low_u8(bytes));
  const uint16x8_t high = vmovl_u8(vget_high_u8(bytes));
  return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))),
           vcvtq_f32_u32(vmovl_u16(vget_high_u16(low))),
           vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
           vcvtq_f32_u32(vmovl_u16(vget_high_u16(high)))}};
}

// 16 lanes of four bytes: lane = weight row, byte = one of four neighbouring columns.
struct Bytes {
  uint8x16_t q[4];
};
struct Ints {  // 16 lanes of int32
  int32x4_t q[4];
};
constexpr int kSignedOffset = 0;  // signed weights stay as they are
// Tokens whose sums stay in registers beside a block of weights.
constexpr int64_t kPassTokens = 4;

static inline Bytes bytes_load(const uint8_t* p) {
  return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
}
static inline void bytes_store(uint8_t* p, Bytes a) {
  for (int i = 0; i < 4; ++i) vst1q_u8(p + 16 * i, a.q[i]);
}
static inline Bytes bytes_set(uint8_t b) {
  return {{vdupq_n_u8(b), vdupq_n_u8(b), vdupq_n_u8(b), vdupq_n_u8(b)}};
}
static inline Bytes bytes_and(Bytes a, Bytes b) {
  for (int i = 0; i < 4; ++i) a.q[i] = vandq_u8(a.q[i], b.q[i]);
  return a;
}
static inline Bytes bytes_or(Bytes a, Bytes b) {
  for (int i = 0; i < 4; ++i) a.q[i] = vorrq_u8(a.q[i], b.q[i]);
  return a;
}
static inline Bytes bytes_xor(Bytes a, Bytes b) {
  for (int i = 0; i < 4; ++i) a.q[i] = veorq_u8(a.q[i], b.q[i]);
  return a;
}
static inline Bytes bytes_add(Bytes a, Bytes b) {
  for (int i = 0; i < 4; ++i) a.q[i] = vaddq_u8(a.q[i], b.q[i]);
  return a;
}
static inline Bytes bytes_third(Bytes a) {  // in which third of [0, 256) a lies: 0, 1 or 2
  for (int i = 0; i < 4; ++i) {
    const uint8x16_t second = vcgeq_u8(a.q[i], vdupq_n_u8(86));  // 0 or -1
    a.q[i] = vsubq_u8(vdupq_n_u8(0), vaddq_u8(second, vcgeq_u8(a.q[i], vdupq_n_u8(171))));
  }
  return a;
}
// Signed weights as ints_dot_signed wants them, from w + kOffset.
template <int kOffset>
static inline Bytes bytes_from_offset(Bytes a) {
  for (int i = 0; i < 4; ++i) a.q[i] = vsubq_u8(a.q[i], vdupq_n_u8(kOffset));
  return a;
}
// Each byte by itself; the wider sets let bits cross, so mask afterwards.
template <int kBits>
static inline Bytes bytes_shift_right(Bytes a) {
  if constexpr (kBits == 0) return a;
  for (int i = 0; i < 4; ++i) a.q[i] = vshlq_u8(a.q[i], vdupq_n_s8(-kBits));
  return a;
}
template <int kBits>
static inline Bytes bytes_shift_left(Bytes a) {
  for (int i = 0; i < 4; ++i) a.q[i] = vshlq_u8(a.q[i], vdupq_n_s8(kBits));
  return a;
}
static inline Bytes bytes_from_signed(Bytes a) {
  return a;
}
static inline Bytes bytes_table(const int8_t* sixteen) {
  const uint8x16_t table = vreinterpretq_u8_s8(vld1q_s8(sixteen));
  return {{table, table, table, table}};
}
static inline Bytes bytes_lookup(Bytes table, Bytes index) {
  for (int i = 0; i < 4; ++i) index.q[i] = vqtbl1q_u8(table.q[i], index.q[i]);
  return index;
}
// The lanes of four bytes as numbers of 32 bits.
static inline Bytes words_set(uint32_t a) {
  const uint8x16_t v = vreinterpretq_u8_u32(vdupq_n_u32(a));
  return {{v, v, v, v}};
}
static inline Bytes words_shift(Bytes a, int32_t left) {
  for (int i = 0; i < 4; ++i) {
    const uint32x4_t moved = vshlq_u32(vreinterpretq_u32_u8(a.q[i]), vdupq_n_s32(left));
    a.q[i] = vreinterpretq_u8_u32(moved);
  }
  return a;
}
template <int kBits>
static inline Bytes words_shift_right(Bytes a) {
  return words_shift(a, -kBits);
}
template <int kBits>
static inline Bytes words_shift_left(Bytes a) {
  return words_shift(a, kBits);
}
static inline Bytes words_spread_sign(Bytes a) {  // all bits of a lane become its highest
  for (int i = 0; i < 4; ++i) {
    a.q[i] = vreinterpretq_u8_s32(vshrq_n_s32(vreinterpretq_s32_u8(a.q[i]), 31));
  }
  return a;
}
static inline Bytes words_lookup(const uint32_t* table, Bytes index) {
  for (int i = 0; i < 4; ++i) {
    const uint32x4_t at = vreinterpretq_u32_u8(index.q[i]);
    uint32x4_t found = vld1q_dup_u32(table + vgetq_lane_u32(at, 0));
    found = vld1q_lane_u32(table + vgetq_lane_u32(at, 1), found, 1);
    found = vld1q_lane_u32(table + vgetq_lane_u32(at, 2), found, 2);
    found = vld1q_lane_u32(table + vgetq_lane_u32(at, 3), found, 3);
    index.q[i] = vreinterpretq_u8_u32(found);
  }
  return index;
}
static inline Ints ints_from_words(Bytes a) {
  Ints out;
  for (int i = 0; i < 4; ++i) out.q[i] = vreinterpretq_s32_u8(a.q[i]);
  return out;
}
static inline Bytes bytes_broadcast_quad(const int8_t* p) {
  int32_t quad;
  __builtin_memcpy(&quad, p, 4);
  const uint8x16_t v = vreinterpretq_u8_s32(vdupq_n_s32(quad));
  return {{v, v, v, v}};
}
static inline Ints ints_load(const int32_t* p) {
  return {{vld1q_s32(p), vld1q_s32(p + 4), vld1q_s32(p + 8), vld1q_s32(p + 12)}};
}
static inline Ints ints_set(int32_t a) {
  return {{vdupq_n_s32(a), vdupq_n_s32(a), vdupq_n_s32(a), vdupq_n_s32(a)}};
}
static inline int32x4_t dot_quarter(int32x4_t sum, int8x16_t w, int8x16_t x) {
#if defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(sum, w, x);
#else
  const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x));
  const int16x8_t high = vmull_s8(vget_high_s8(w), vget_high_s8(x));
  return vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
#endif
}
static inline Ints ints_dot_signed(Ints sum, Bytes w, Bytes x) {
  for (int i = 0; i < 4; ++i) {
    sum.q[i] = dot_quarter(sum.q[i], vreinterpretq_s8_u8(w.q[i]), vreinterpretq_s8_u8(x.q[i]));
  }
  return sum;
}
static inline Ints ints_dot_unsigned(Ints sum, Bytes w, Bytes x) {  // weights up to 127
  return ints_dot_signed(sum, w, x);
}
static inline Vec16 vec_from_ints(Ints a) {
  return {
      {vcvtq_f32_s32(a.q[0]), vcvtq_f32_s32(a.q[1]), vcvtq_f32_s32(a.q[2]), vcvtq_f32_s32(a.q[3])}};
}
static inline Ints ints_round(Vec16 a) {  // to nearest, ties to even
  return {{vcvtnq_s32_f32(a.q[0]), vcvtnq_s32_f32(a.q[1]), vcvtnq_s32_f32(a.q[2]),
           vcvtnq_s32_f32(a.q[3])}};
}
static inline void ints_store_i8(int8_t* p, Ints a) {
  const int16x8_t low = vcombine_s16(vqmovn_s32(a.q[0]), vqmovn_s32(a.q[1]));
  const int16x8_t high = vcombine_s16(vqmovn_s32(a.q[2]), vqmovn_s32(a.q[3]));
  vst1q_s8(p, vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)));
}
static inline int32_t ints_sum(Ints a) {
  return vaddvq_s32(vaddq_s32(vaddq_s32(a.q[0], a.q[1]), vaddq_s32(a.q[2], a.q[3])));
}
static inline Ints ints_magnitude_bits(Vec16 a) {  // |a| as integers that sort alike, NaN on top
  Ints out;
  for (int i = 0; i < 4; ++i) out.q[i] = vreinterpretq_s32_f32(vabsq_f32(a.q[i]));
  return out;
}
static inline int32_t ints_max(Ints a, Ints b) {
  int32x4_t most = vmaxq_s32(a.q[0], b.q[0]);
  for (int i = 1; i < 4; ++i) most = vmaxq_s32(most, vmaxq_s32(a.q[i], b.q[i]));
  return vmaxvq_s32(most);
}
static inline Vec16 vec_power_of_two(Ints n) {  // 2^n, n in [-126, 127]
  Vec16 out;
  for (int i = 0; i < 4; ++i) {
    const int32x4_t bits = vshlq_n_s32(vaddq_s32(n.q[i], vdupq_n_s32(127)), 23);
    out.q[i] = vreinterpretq_f32_s32(bits);
  }
  return out;
}
