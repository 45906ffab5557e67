// The tensor cores' product of small matrices of TF32: floats with 11 bits of mantissa.
#pragma once

#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::simt {

#if defined(__CUDACC__)

// The nearest TF32, ties away from zero, as the bits of a float.
__device__ __forceinline__ uint32_t to_tf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

// c [16][8] += a [16][8] b [8][8]. With g = lane / 4 and t = lane % 4, a lane holds
//   a  (g, t) (g + 8, t) (g, t + 4) (g + 8, t + 4)
//   b  (t, g) (t + 4, g)
//   c  (g, 2 t) (g, 2 t + 1) (g + 8, 2 t) (g + 8, 2 t + 1)
__device__ __forceinline__ void mma_tf32(float (&c)[4], const uint32_t (&a)[4],
                                         const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#else

inline uint32_t to_tf32(float x) {
  const uint32_t bits = to_bits(x);
  return x - x == 0 ? (bits + 0x1000) & ~uint32_t{0x1fff} : bits;
}

inline void mma_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  static float left[32][16][8];  // of every warp of the block
  static float right[32][8][8];
  const unsigned warp = place().thread.x / 32;
  const unsigned g = place().thread.x % 32 / 4;
  const unsigned t = place().thread.x % 4;
  for (unsigned i = 0; i < 4; ++i) left[warp][g + i % 2 * 8][t + i / 2 * 4] = from_bits(a[i]);
  for (unsigned i = 0; i < 2; ++i) right[warp][t + i * 4][g] = from_bits(b[i]);
  warp_barrier();
  for (unsigned i = 0; i < 4; ++i) {
    for (unsigned k = 0; k < 8; ++k) {
      c[i] += left[warp][g + i / 2 * 8][k] * right[warp][k][2 * t + i % 2];
    }
  }
  warp_barrier();
}

#endif

}  // namespace hearth::simt
