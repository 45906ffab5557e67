// Tensor cores: products of 16x16 by 16x8 tiles of bf16 with f32 sums, of 16x32 by 32x8 tiles of
// bytes with integer sums, what loads their operands from shared memory, and copies that run beside
// the products. Every lane of a warp takes part.
//
// Operands as the hardware has them, lane = 4 r + q: word i of `a` holds columns 2 q + 8 (i / 2)
// and the next of row r + 8 (i % 2); word i of `b` the same columns of row r of the transposed
// second factor (of bytes four columns a word: 4 q + 16 (i / 2) and the next three); sums[0..4) lie
// in rows r, r, r + 8, r + 8 and columns 2 q, 2 q + 1, 2 q, 2 q + 1.
#pragma once

#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::simt {

#if defined(__CUDACC__)

// Four 8x8 matrices of 16 bits from shared memory: lane 8 j + i names row i of matrix j.
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const void* row) {
  const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}
__device__ __forceinline__ void mma_bf16(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0,
                                         uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
// sums = start + a b, of signed bytes.
__device__ __forceinline__ void mma_s8(int (&sums)[4], const uint32_t (&a)[4], uint32_t b0,
                                       uint32_t b1, int start) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%10,%10,%10,%10};"
      : "=r"(sums[0]), "=r"(sums[1]), "=r"(sums[2]), "=r"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "r"(start));
}
// Two floats rounded to bf16, `low` in the low half.
__device__ __forceinline__ uint32_t pack_bf16(float low, float high) {
  uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}
// Sixteen bytes to shared memory, or zeros where nothing is to be read; there after wait_copies for
// the thread that copies, and after a barrier for all.
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool reads) {
  const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(global),
               "r"(reads ? 16 : 0)
               : "memory");
}
// The same of eight bytes.
__device__ __forceinline__ void copy_half_async(void* shared, const void* global) {
  const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(at), "l"(global) : "memory");
}
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_all;" ::: "memory");
}
// The thread's copies since the last call are a group; waits until at most the last group is left.
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
__device__ __forceinline__ void wait_copies_but_one() {
  asm volatile("cp.async.wait_group 1;" ::: "memory");
}

#else

inline void load_matrices(uint32_t (&r)[4], const void* row) {
  const auto own = reinterpret_cast<uint64_t>(row);
  const int lane = static_cast<int>(place().thread.x % 32);
  for (int j = 0; j < 4; ++j) {
    const auto* from = reinterpret_cast<const std::byte*>(exchange(own, 8 * j + lane / 4));
    std::memcpy(&r[j], from + 4 * (lane % 4), 4);
  }
}

struct MmaOperands {
  uint32_t a[4], b[2];
};
inline MmaOperands mma_operands[32][32];  // of a block's warps and lanes

inline float half_of(uint32_t word, int half) {
  return from_bits(half == 0 ? word << 16 : word & 0xffff0000u);
}
inline void mma_bf16(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  const int lane = static_cast<int>(place().thread.x % 32);
  MmaOperands* warp = mma_operands[place().thread.x / 32];
  warp[lane] = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
  warp_barrier();
  for (int i = 0; i < 4; ++i) {
    const int column = 2 * (lane % 4) + i % 2;
    for (int k = 0; k < 16; ++k) {
      const MmaOperands& row = warp[lane / 4 * 4 + k % 8 / 2];
      const MmaOperands& other = warp[4 * column + k % 8 / 2];
      sums[i] += half_of(row.a[k / 8 * 2 + i / 2], k % 2) * half_of(other.b[k / 8], k % 2);
    }
  }
  warp_barrier();
}
inline void mma_s8(int (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, int start) {
  const int lane = static_cast<int>(place().thread.x % 32);
  MmaOperands* warp = mma_operands[place().thread.x / 32];
  warp[lane] = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
  warp_barrier();
  for (int i = 0; i < 4; ++i) {
    const int column = 2 * (lane % 4) + i % 2;
    sums[i] = start;
    for (int k = 0; k < 32; k += 4) {
      const MmaOperands& row = warp[lane / 4 * 4 + k % 16 / 4];
      const MmaOperands& other = warp[4 * column + k % 16 / 4];
      sums[i] = dot4(row.a[k / 16 * 2 + i / 2], other.b[k / 16], sums[i]);
    }
  }
  warp_barrier();
}
inline uint32_t pack_bf16(float low, float high) {
  return uint32_t{to_bf16(high)} << 16 | to_bf16(low);
}
inline void copy_async(void* shared, const void* global, bool reads) {
  if (reads) {
    std::memcpy(shared, global, 16);
  } else {
    std::memset(shared, 0, 16);
  }
}
inline void copy_half_async(void* shared, const void* global) {
  std::memcpy(shared, global, 8);
}
inline void wait_copies() {}
inline void commit_copies() {}
inline void wait_copies_but_one() {}

#endif

// An integer added to this one is the bits of a float, 1.5 * 2^23 more than the integer: so that
// integer sums become floats without a conversion.
inline constexpr int kFloatBias = 0x4b400000;
inline constexpr float kFloatBiasValue = 12582912.0f;

// scale * sum, rounded once, of a sum that began at kFloatBias. The product of the bias is exact
// for a scale of 22 significant bits or fewer.
__device__ __forceinline__ float scaled_sum(float scale, int sum) {
  return fmaf(scale, from_bits(static_cast<uint32_t>(sum)), -(scale * kFloatBiasValue));
}

}  // namespace hearth::simt
