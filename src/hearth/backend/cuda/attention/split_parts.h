// What the kernels of generated rows over keys and values share: a block's softmax.
#pragma once

#include "hearth/backend/cuda/attention/cache_view.h"
#include "hearth/backend/cuda/simt/simt.h"
#include "hearth/backend/cuda/step_rows.h"

namespace hearth::cuda {

struct SplitWork {
  const RowPlace* places;
  const int32_t* generated_rows;
  const int32_t* table;
  int32_t table_width;
  int32_t groups;  // of up to kHeads heads that share a kv head
};

// Turns the warp's scores, of a lane's slots `slot` and `slot + 1`, into exponentials under the
// largest score of the whole block: p [warp][slot][kHeads], top and sums [warp][kHeads].
template <int kWarps, int kHeads>
__device__ __forceinline__ void exponentials(float* p, float* top, float* sums, int slot, int seen,
                                             float scale, float2* s) {
  const int warp = simt::warp_index();
  const bool first_lane = simt::lane_index() == 0;
  HEARTH_UNROLL
  for (int g = 0; g < kHeads; ++g) {
    s[g].x = slot < seen ? s[g].x * scale : -INFINITY;
    s[g].y = slot + 1 < seen ? s[g].y * scale : -INFINITY;
    const float most = simt::warp_max(fmaxf(s[g].x, s[g].y));
    if (first_lane) top[warp * kHeads + g] = most;
  }
  simt::block_barrier();
  p += (warp * kSlots + slot) * kHeads;
  HEARTH_UNROLL
  for (int g = 0; g < kHeads; ++g) {
    float most = top[g];
    HEARTH_UNROLL
    for (int w = 1; w < kWarps; ++w) most = fmaxf(most, top[w * kHeads + g]);
    p[g] = expf(s[g].x - most);
    p[kHeads + g] = expf(s[g].y - most);
    const float total = simt::warp_sum(p[g] + p[kHeads + g]);
    if (first_lane) sums[warp * kHeads + g] = total;
  }
  simt::warp_barrier();
}

// The block's largest score and sum of exponentials, of each head, as partial `first` and on.
template <int kWarps, int kHeads>
__device__ __forceinline__ void write_tops(const float* top, const float* sums, int heads,
                                           const Partials& partials, int64_t first) {
  const int g = static_cast<int>(threadIdx.x);
  if (g >= heads) return;
  float most = top[g];
  float total = sums[g];
  for (int w = 1; w < kWarps; ++w) {
    most = fmaxf(most, top[w * kHeads + g]);
    total += sums[w * kHeads + g];
  }
  float* out = partials.top + (first + int64_t{g} * partials.splits) * 2;
  out[0] = most;
  out[1] = total;
}

}  // namespace hearth::cuda
