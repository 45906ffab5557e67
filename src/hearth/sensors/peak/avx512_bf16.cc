// The bf16 peak of AVX-512 BF16; compiled with that instruction set's flags, and alone in its
// namespace.
#include "hearth/sensors/peak/loops.h"
#if defined(__x86_64__)
#include <immintrin.h>

namespace hearth::peak::isa_avx512_bf16 {
namespace {

constexpr int kSums = 16;

void run_bf16(int64_t iterations) {
  __m512 sum[kSums] = {};
  __asm__ volatile("" : "+m"(sum));  // else equal sums are computed once
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.5f));
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (__m512& s : sum) s = _mm512_dpbf16_ps(s, a, a);
  }
  __asm__ volatile("" : : "m"(sum));
}

constexpr LoopTable kTable = {"avx512_bf16", {}, {}, {kSums * 32 * 2, run_bf16}};

}  // namespace

const LoopTable& table() {
  return kTable;
}

}  // namespace hearth::peak::isa_avx512_bf16
#endif
