// Pairs of a token and an expert, sorted by expert: one block counts them, cuts each expert's share
// into tiles and puts the pairs in their places, each expert's in ascending order.
#include "hearth/backend/cuda/linear/tiles.h"
#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::cuda {
namespace {

using simt::kWarp;

constexpr int kThreads = 1024;

// Where each expert's pairs begin, and the tiles of all.
__device__ __forceinline__ void place_experts(const int32_t* counts, int32_t* starts,
                                              int32_t experts, ExpertTile* tiles, int tiles_max) {
  if (threadIdx.x == 0) {
    int32_t at = 0, tile = 0;
    for (int e = 0; e < experts; ++e) {
      starts[e] = at;
      for (int32_t done = 0; done < counts[e]; done += kTileRows) {
        const int32_t left = counts[e] - done;
        tiles[tile++] = {e, at + done, left < kTileRows ? left : kTileRows};
      }
      at += counts[e];
    }
    for (; tile < tiles_max; ++tile) tiles[tile] = {0, 0, 0};
  }
}

__device__ __forceinline__ int pair_of(const ExpertJob& job, int i) {
  if (job.token_ids == nullptr) return i;
  return job.token_ids[i / job.per_token] * job.per_token + i % job.per_token;
}

__global__ void __launch_bounds__(kThreads)
    sort_kernel(const ExpertJob job, int32_t experts, int32_t* sorted, ExpertTile* tiles,
                int32_t tiles_max) {
  simt::wait_for_inputs();
  __shared__ int32_t counts[kSortedExperts];
  __shared__ int32_t starts[kSortedExperts];
  const int warps = kThreads / kWarp;
  const int pairs = job.pairs;
  // A warp has every 32nd expert and looks at all pairs, in order: no atomics, one order.
  for (int e = simt::warp_index(); e < experts; e += warps) {
    int count = 0;
    for (int i = simt::lane_index(); i < pairs; i += kWarp) {
      count += job.ids[pair_of(job, i)] == e ? 1 : 0;
    }
    for (int mask = kWarp / 2; mask > 0; mask /= 2) count += simt::shuffle_xor(count, mask);
    if (simt::lane_index() == 0) counts[e] = count;
  }
  simt::block_barrier();
  place_experts(counts, starts, experts, tiles, tiles_max);
  simt::block_barrier();
  for (int e = simt::warp_index(); e < experts; e += warps) {
    int at = starts[e];
    if (counts[e] == 0) continue;
    for (int first = 0; first < pairs; first += kWarp) {
      const int i = first + simt::lane_index();
      const int pair = pair_of(job, i < pairs ? i : 0);
      const int own = i < pairs && job.ids[pair] == e ? 1 : 0;
      int before = own;  // inclusive sum over the lanes
      for (int step = 1; step < kWarp; step *= 2) {
        const int lane = simt::lane_index();
        const int other = simt::shuffle(before, lane >= step ? lane - step : lane);
        if (lane >= step) before += other;
      }
      if (own == 1) sorted[at + before - 1] = pair;
      at += simt::shuffle(before, kWarp - 1);
    }
  }
}

}  // namespace

void sort_pairs(Stream& stream, const ExpertJob& job, int32_t experts, int32_t* sorted,
                ExpertTile* tiles) {
  if (job.pairs == 0) return;
  Grid grid;
  grid.threads = kThreads;
  launch(stream, grid, sort_kernel, job, experts, sorted, tiles,
         expert_tiles_max(job.pairs, experts));
}

}  // namespace hearth::cuda
