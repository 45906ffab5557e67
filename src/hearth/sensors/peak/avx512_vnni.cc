// The int8 peak of AVX-512 VNNI; compiled with that instruction set's flags, and alone in its
// namespace.
#include "hearth/sensors/peak/loops.h"
#if defined(__x86_64__)
#include <immintrin.h>

namespace hearth::peak::isa_avx512_vnni {
namespace {

constexpr int kSums = 16;

void run_int8(int64_t iterations) {
  __m512i sum[kSums] = {};
  __asm__ volatile("" : "+m"(sum));  // else equal sums are computed once
  const __m512i a = _mm512_set1_epi8(1);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (__m512i& s : sum) s = _mm512_dpbusd_epi32(s, a, a);
  }
  __asm__ volatile("" : : "m"(sum));
}

constexpr LoopTable kTable = {"avx512_vnni", {}, {kSums * 64 * 2, run_int8}, {}};

}  // namespace

const LoopTable& table() {
  return kTable;
}

}  // namespace hearth::peak::isa_avx512_vnni
#endif
