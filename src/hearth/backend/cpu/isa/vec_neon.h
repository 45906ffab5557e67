// 16 lanes as four NEON registers.
#pragma once

#include <arm_neon.h>

#include <cstdint>

constexpr int kTileX = 1;  // activation rows in a tile: what the registers hold

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
static inline float vec_sum(Vec16 v) {
  const float32x4_t four = vaddq_f32(vaddq_f32(v.q[0], v.q[2]), vaddq_f32(v.q[1], v.q[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
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
static inline Vec16 vec_from_i8(const int8_t* p) {
  const int8x16_t bytes = vld1q_s8(p);
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
  const int16x8_t high = vmovl_s8(vget_high_s8(bytes));
  return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
           vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))),
           vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
           vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))}};
}
