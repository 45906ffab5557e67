// The inner loops that exist once per instruction set, as a table of functions. All of them see 16
// lanes and reduce them in one fixed order, with fused multiply-add everywhere: every instruction
// set gives the same bits.
//
// This header is all that instruction-set objects share with the rest of Hearth: plain types only,
// no inline functions, so that no AVX-512 copy of a common function can reach other code (a test
// reads the symbols). `HEARTH_CPU_ISA=scalar|avx2|avx512|neon` forces a choice.
#pragma once

#include <cstdint>

namespace hearth::cpu {

struct KernelTable {
  const char* name;

  // out[x * out_stride + w] = dot(weights + w * w_stride, xs + x * x_stride), n elements, for all
  // w < w_rows, x < x_rows. A pair's bits do not depend on the pairs around it.
  void (*dot_tile)(const float* weights, int64_t w_stride, int64_t w_rows, const float* xs,
                   int64_t x_stride, int64_t x_rows, int64_t n, float* out, int64_t out_stride);
  // y += a * x
  void (*axpy)(float a, const float* x, float* y, int64_t n);
  // y *= a
  void (*scale)(float a, float* y, int64_t n);
  void (*widen_bf16)(const uint16_t* in, float* out, int64_t n);
  void (*widen_f16)(const uint16_t* in, float* out, int64_t n);
  // Q8_0 blocks (f16 scale, 32 signed bytes) to 32 floats each; the same bits as the codec.
  void (*decode_q8_0)(const uint8_t* in, float* out, int64_t blocks);
};

namespace isa_scalar {
const KernelTable& table();
}
#if defined(__x86_64__)
namespace isa_avx2 {
const KernelTable& table();
}
namespace isa_avx512 {
const KernelTable& table();
}
#elif defined(__aarch64__)
namespace isa_neon {
const KernelTable& table();
}
#endif

}  // namespace hearth::cpu
