// Products of floats on TF32 tensor cores without loss: a number is split in two parts of 11 bits,
// and the products of the parts are summed, but that of the two small ones. A number that has no
// more bits than one part (f16, bf16) is `whole`, which saves products.
#pragma once

#include "hearth/backend/cuda/attention/cache_view.h"
#include "hearth/backend/cuda/simt/mma_tf32.h"

namespace hearth::cuda {

template <CacheFormat F>
constexpr bool kWhole = F == CacheFormat::f16 || F == CacheFormat::bf16;

template <bool kIsWhole>
struct Split {
  uint32_t high, low;
  __device__ __forceinline__ explicit Split(float x) {
    high = kIsWhole ? simt::to_bits(x) : simt::to_tf32(x);
    low = kIsWhole ? 0 : simt::to_tf32(x - simt::from_bits(high));
  }
};

// A left factor's fragment.
template <bool kIsWhole>
struct SplitLeft {
  uint32_t high[4], low[4];
  __device__ __forceinline__ SplitLeft(float a0, float a1, float a2, float a3) {
    const float a[4] = {a0, a1, a2, a3};
    HEARTH_UNROLL
    for (int i = 0; i < 4; ++i) {
      const Split<kIsWhole> x(a[i]);
      high[i] = x.high;
      low[i] = x.low;
    }
  }
};

// c += a b; small products first.
template <bool kRightWhole, bool kLeftWhole>
__device__ __forceinline__ void multiply_split(float (&c)[4], const SplitLeft<kLeftWhole>& a,
                                               float b0, float b1) {
  const Split<kRightWhole> x(b0);
  const Split<kRightWhole> y(b1);
  const uint32_t high[2] = {x.high, y.high};
  if (!kLeftWhole) simt::mma_tf32(c, a.low, high);
  if (!kRightWhole) {
    const uint32_t low[2] = {x.low, y.low};
    simt::mma_tf32(c, a.high, low);
  }
  simt::mma_tf32(c, a.high, high);
}

}  // namespace hearth::cuda
