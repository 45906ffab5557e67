// The device language: what kernels are written in. nvcc compiles it for the GPU; any C++ compiler
// compiles the same kernels for the emulator (emulator.h), where the threads of a block are fibers
// that switch at barriers, so that the kernels' tests run on machines without a GPU.
//
// A kernel is an ordinary __global__ function started by `launch` (runtime/stream.h). Shared memory
// is __shared__ of a fixed size, or shared_memory() of the size given at the launch. Every thread
// of a warp must reach every warp operation; lanes that have left the kernel must not be waited
// for.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#define HEARTH_UNROLL _Pragma("unroll")

namespace hearth::simt {

__device__ __forceinline__ unsigned char* shared_memory() {
  extern __shared__ __align__(16) unsigned char memory[];
  return memory;
}
__device__ __forceinline__ void block_barrier() {
  __syncthreads();
}
__device__ __forceinline__ void warp_barrier() {
  __syncwarp();
}
template <typename T>
__device__ __forceinline__ T shuffle(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
template <typename T>
__device__ __forceinline__ T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
// First thing of every kernel: until then a kernel may run beside the one before it (programmatic
// dependent launch) and must touch nothing but what is constant, or was copied from the host, which
// no kernel overlaps; from then on all is written, and the next kernel may come that far.
__device__ __forceinline__ void wait_for_inputs() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
// A hint: the cache line of `p` will be read.
__device__ __forceinline__ void prefetch(const void* p) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
}
// A hint: these bytes will be read, from a multiple of 16 on and as many. For kernels that wait for
// others; without programmatic dependent launch there is nothing to gain.
__device__ __forceinline__ void prefetch_span(const void* p, int bytes) {
#if __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(p), "r"(bytes));
#endif
}
// d + sum of four products of signed bytes.
__device__ __forceinline__ int dot4(uint32_t a, uint32_t b, int d) {
  return __dp4a(static_cast<int>(a), static_cast<int>(b), d);
}
// Sixteen bytes that are read once: past the first cache.
__device__ __forceinline__ uint4 load_once(const uint4* p) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(p));
  return v;
}
// What was there before.
__device__ __forceinline__ int32_t atomic_add(int32_t* p, int32_t value) {
  return atomicAdd(p, value);
}
// What this thread has written is seen by other blocks before what it writes next.
__device__ __forceinline__ void memory_fence() {
  __threadfence();
}
// What another block of this kernel has written: past the first cache.
__device__ __forceinline__ float load_fresh(const float* p) {
  return __ldcg(p);
}
__device__ __forceinline__ float from_f16(uint16_t h) {
  return __half2float(__ushort_as_half(h));
}
__device__ __forceinline__ uint16_t to_f16(float x) {
  return __half_as_ushort(__float2half_rn(x));
}
__device__ __forceinline__ float from_bf16(uint16_t h) {
  return __uint_as_float(static_cast<uint32_t>(h) << 16);
}
__device__ __forceinline__ uint16_t to_bf16(float x) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(x));
}
__device__ __forceinline__ float from_f8_e4m3(uint8_t v) {
  return __half2float(__half(__nv_cvt_fp8_to_halfraw(v, __NV_E4M3)));
}
__device__ __forceinline__ float from_bits(uint32_t bits) {
  return __uint_as_float(bits);
}
__device__ __forceinline__ uint32_t to_bits(float x) {
  return __float_as_uint(x);
}
// To the nearest integer, ties to even.
__device__ __forceinline__ int round_to_int(float x) {
  return __float2int_rn(x);
}

}  // namespace hearth::simt

#else

#include "hearth/backend/cuda/simt/emulator.h"

#endif

namespace hearth::simt {

inline constexpr int kWarp = 32;

__device__ __forceinline__ int warp_index() {
  return static_cast<int>(threadIdx.x) / kWarp;
}
__device__ __forceinline__ int lane_index() {
  return static_cast<int>(threadIdx.x) % kWarp;
}

// Over the warp, the same in all lanes, in a fixed order.
__device__ __forceinline__ float warp_sum(float v) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) v += shuffle_xor(v, mask);
  return v;
}
__device__ __forceinline__ float warp_max(float v) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) v = fmaxf(v, shuffle_xor(v, mask));
  return v;
}

// Over a block of whole warps; `slots` is shared memory of 32 floats that nothing else uses. The
// same in all threads, in a fixed order.
__device__ __forceinline__ float block_sum(float v, float* slots) {
  v = warp_sum(v);
  block_barrier();  // the slots of an earlier sum have been read
  if (lane_index() == 0) slots[warp_index()] = v;
  block_barrier();
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  float sum = 0;
  for (int w = 0; w < warps; ++w) sum += slots[w];
  return sum;
}

}  // namespace hearth::simt
