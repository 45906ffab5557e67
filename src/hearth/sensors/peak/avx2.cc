// Arithmetic peaks of AVX2 with FMA; compiled with that instruction set's flags, and alone in its
// namespace.
#include "hearth/sensors/peak/loops.h"
#if defined(__x86_64__)
#include <immintrin.h>

namespace hearth::peak::isa_avx2 {
namespace {

constexpr int kSums = 12;  // more than the instructions in flight, fewer than the registers

void run_f32(int64_t iterations) {
  __m256 sum[kSums] = {};
  __asm__ volatile("" : "+m"(sum));  // else equal sums are computed once
  const __m256 a = _mm256_set1_ps(0.5f);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (__m256& s : sum) s = _mm256_fmadd_ps(a, a, s);
  }
  __asm__ volatile("" : : "m"(sum));
}

// Without an instruction for it: bytes to pairs, pairs to 32 bits, added.
void run_int8(int64_t iterations) {
  __m256i sum[kSums] = {};
  __asm__ volatile("" : "+m"(sum));  // else equal sums are computed once
  __m256i a = _mm256_set1_epi8(1);
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (__m256i& s : sum) {
      __asm__ volatile("" : "+x"(a));  // else the product is computed once
      s = _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(a, a), ones));
    }
  }
  __asm__ volatile("" : : "m"(sum));
}

constexpr LoopTable kTable = {"avx2", {kSums * 8 * 2, run_f32}, {kSums * 32 * 2, run_int8}, {}};

}  // namespace

const LoopTable& table() {
  return kTable;
}

}  // namespace hearth::peak::isa_avx2
#endif
