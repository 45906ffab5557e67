// The f32 peak of AVX-512; compiled with that instruction set's flags, and alone in its namespace.
#include "hearth/sensors/peak/loops.h"
#if defined(__x86_64__)
#include <immintrin.h>

namespace hearth::peak::isa_avx512 {
namespace {

constexpr int kSums = 16;

void run_f32(int64_t iterations) {
  __m512 sum[kSums] = {};
  __asm__ volatile("" : "+m"(sum));  // else equal sums are computed once
  const __m512 a = _mm512_set1_ps(0.5f);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (__m512& s : sum) s = _mm512_fmadd_ps(a, a, s);
  }
  __asm__ volatile("" : : "m"(sum));
}

constexpr LoopTable kTable = {"avx512", {kSums * 16 * 2, run_f32}, {}, {}};

}  // namespace

const LoopTable& table() {
  return kTable;
}

}  // namespace hearth::peak::isa_avx512
#endif
