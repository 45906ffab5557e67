// The int8 peak of NEON's dot product; compiled with that instruction set's flags, and alone in its
// namespace.
#include "hearth/sensors/peak/loops.h"
#if defined(__aarch64__)
#include <arm_neon.h>

namespace hearth::peak::isa_dotprod {
namespace {

constexpr int kSums = 16;

void run_int8(int64_t iterations) {
  int32x4_t sum[kSums] = {};
  __asm__ volatile("" : "+m"(sum));  // else equal sums are computed once
  const int8x16_t a = vdupq_n_s8(1);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (int32x4_t& s : sum) s = vdotq_s32(s, a, a);
  }
  __asm__ volatile("" : : "m"(sum));
}

constexpr LoopTable kTable = {"dotprod", {}, {kSums * 16 * 2, run_int8}, {}};

}  // namespace

const LoopTable& table() {
  return kTable;
}

}  // namespace hearth::peak::isa_dotprod
#endif
