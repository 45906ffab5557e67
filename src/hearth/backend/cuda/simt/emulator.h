// The device language on a CPU: one block at a time, its threads as fibers on one OS thread. It is
// for tests: it shows wrong indices, missing barriers that matter for order, and wrong arithmetic,
// under the sanitizers too; it doesn't show races between blocks, or speed.
//
// A static variable stands for __shared__ memory, which blocks don't clear, as on the device.
// Threads: one OS thread at a time may run kernels.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hearth/base/function_ref.h"
#include "hearth/formats/small_float.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)
#define __shared__ static
#define __align__(n) alignas(n)
#define HEARTH_UNROLL

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
struct uint4 {
  uint32_t x, y, z, w;
};
struct uint2 {
  uint32_t x, y;
};
struct float4 {
  float x, y, z, w;
};
struct float2 {
  float x, y;
};

namespace hearth::simt {

// Where the running fiber is.
struct Place {
  uint3 thread{}, block{};
  dim3 block_size{}, grid{};
};
const Place& place();

// Runs `kernel` for every thread of every block, blocks in order.
void run_grid(dim3 grid, unsigned block, size_t shared_bytes, FunctionRef<void()> kernel);

unsigned char* shared_memory();
void block_barrier();
void warp_barrier();
// What `lane` of the warp hands in, to every lane.
uint64_t exchange(uint64_t value, int lane);

template <typename T>
T shuffle(T value, int lane) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = exchange(bits, lane);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
template <typename T>
T shuffle_xor(T value, int mask) {
  return shuffle(value, static_cast<int>(place().thread.x % 32) ^ mask);
}
inline int dot4(uint32_t a, uint32_t b, int d) {
  for (int shift = 0; shift < 32; shift += 8) {
    d += static_cast<int8_t>(a >> shift & 0xff) * static_cast<int8_t>(b >> shift & 0xff);
  }
  return d;
}
inline void wait_for_inputs() {}
inline void prefetch(const void*) {}
inline void prefetch_span(const void*, int) {}
inline uint4 load_once(const uint4* p) {
  return *p;
}
inline int32_t atomic_add(int32_t* p, int32_t value) {
  const int32_t before = *p;
  *p += value;
  return before;
}
inline void memory_fence() {}
inline float load_fresh(const float* p) {
  return *p;
}
inline float from_bits(uint32_t bits) {
  return std::bit_cast<float>(bits);
}
inline uint32_t to_bits(float x) {
  return std::bit_cast<uint32_t>(x);
}
}  // namespace hearth::simt

#define threadIdx (::hearth::simt::place().thread)
#define blockIdx (::hearth::simt::place().block)
#define blockDim (::hearth::simt::place().block_size)
#define gridDim (::hearth::simt::place().grid)

namespace hearth::simt {

inline float from_f16(uint16_t h) {
  if ((h & 0x7c00) == 0x7c00) {  // infinity, NaN
    return from_bits((uint32_t{h} & 0x8000) << 16 | 0x7f800000u | (uint32_t{h} & 0x3ff) << 13);
  }
  return SmallFloat<5, 10>::decode_finite(h);
}
inline uint16_t to_f16(float x) {
  using F = SmallFloat<5, 10>;
  if (std::isnan(x)) return 0x7fff;
  const uint32_t magnitude = std::isinf(x) ? 0x7c00u : std::min(F::encode_magnitude(x), 0x7c00u);
  return static_cast<uint16_t>(F::sign_of(x) | magnitude);
}
inline float from_bf16(uint16_t h) {
  return from_bits(uint32_t{h} << 16);
}
inline uint16_t to_bf16(float x) {
  if (std::isnan(x)) return 0x7fff;
  const uint32_t bits = to_bits(x);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float from_f8_e4m3(uint8_t v) {
  if ((v & 0x7f) == 0x7f) return from_bits(0x7fffffffu);
  return SmallFloat<4, 3>::decode_finite(v);
}
inline int round_to_int(float x) {
  return static_cast<int>(std::nearbyintf(x));
}

}  // namespace hearth::simt
