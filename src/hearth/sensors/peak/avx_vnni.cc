// The int8 peak of AVX-VNNI, 256 bits wide; compiled with that instruction set's flags, and alone
// in its namespace.
#include "hearth/sensors/peak/loops.h"
#if defined(__x86_64__)
#include <immintrin.h>

namespace hearth::peak::isa_avx_vnni {
namespace {

constexpr int kSums = 12;

void run_int8(int64_t iterations) {
  __m256i sum[kSums] = {};
  __asm__ volatile("" : "+m"(sum));  // else equal sums are computed once
  const __m256i a = _mm256_set1_epi8(1);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (__m256i& s : sum) s = _mm256_dpbusd_avx_epi32(s, a, a);
  }
  __asm__ volatile("" : : "m"(sum));
}

constexpr LoopTable kTable = {"avx_vnni", {}, {kSums * 32 * 2, run_int8}, {}};

}  // namespace

const LoopTable& table() {
  return kTable;
}

}  // namespace hearth::peak::isa_avx_vnni
#endif
