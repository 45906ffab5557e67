// The f32 and int8 peaks of NEON as every 64-bit Arm has it.
#include "hearth/sensors/peak/loops.h"
#if defined(__aarch64__)
#include <arm_neon.h>

namespace hearth::peak::isa_neon {
namespace {

constexpr int kSums = 16;

void run_f32(int64_t iterations) {
  float32x4_t sum[kSums] = {};
  __asm__ volatile("" : "+m"(sum));  // else equal sums are computed once
  const float32x4_t a = vdupq_n_f32(0.5f);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (float32x4_t& s : sum) s = vfmaq_f32(s, a, a);
  }
  __asm__ volatile("" : : "m"(sum));
}

// Without an instruction for it: bytes to 16 bits, pairs of those added to 32.
void run_int8(int64_t iterations) {
  int32x4_t sum[kSums] = {};
  __asm__ volatile("" : "+m"(sum));  // else equal sums are computed once
  int8x16_t a = vdupq_n_s8(1);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (int32x4_t& s : sum) {
      __asm__ volatile("" : "+w"(a));  // else the product is computed once
      const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(a));
      s = vpadalq_s16(s, vmlal_high_s8(low, a, a));
    }
  }
  __asm__ volatile("" : : "m"(sum));
}

constexpr LoopTable kTable = {"neon", {kSums * 4 * 2, run_f32}, {kSums * 16 * 2, run_int8}, {}};

}  // namespace

const LoopTable& table() {
  return kTable;
}

}  // namespace hearth::peak::isa_neon
#endif
