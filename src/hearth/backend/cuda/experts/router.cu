// See router.h. The choice is made by one warp for a row, in double like the router of the host.
#include "hearth/backend/cuda/experts/router.h"

#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::cuda {
namespace {

using simt::kWarp;

__device__ __forceinline__ double excluded() {
  return -static_cast<double>(INFINITY);
}

// The best of the warp's candidates: the larger value, the lower index among equals; -1 is none.
struct Candidate {
  double value;
  int index;
};
__device__ __forceinline__ bool is_better(double value, int index, const Candidate& than) {
  if (than.index < 0) return index >= 0;
  return index >= 0 && (value > than.value || (value == than.value && index < than.index));
}
__device__ __forceinline__ Candidate best_of_warp(Candidate c) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) {
    const double value = simt::shuffle_xor(c.value, mask);
    const int index = simt::shuffle_xor(c.index, mask);
    if (is_better(value, index, c)) c = {value, index};
  }
  return c;
}

// The index of the largest of values[0..count) that isn't taken yet; takes it.
__device__ __forceinline__ int take_best(const double* values, uint8_t* taken, int count) {
  Candidate c{0, -1};
  for (int i = simt::lane_index(); i < count; i += kWarp) {
    if (!taken[i] && is_better(values[i], i, c)) c = {values[i], i};
  }
  c = best_of_warp(c);
  simt::warp_barrier();
  if (simt::lane_index() == 0) taken[c.index] = 1;
  simt::warp_barrier();
  return c.index;
}

// Logits to scores.
__device__ __forceinline__ void score(const ChooseJob& job, const float* logits, double* scores) {
  const int lane = simt::lane_index();
  if (job.sigmoid) {
    for (int i = lane; i < job.experts; i += kWarp) {
      scores[i] = 1 / (1 + exp(-static_cast<double>(logits[i])));
    }
    return;
  }
  double top = excluded();
  for (int i = lane; i < job.experts; i += kWarp) top = fmax(top, static_cast<double>(logits[i]));
  for (int mask = kWarp / 2; mask > 0; mask /= 2) top = fmax(top, simt::shuffle_xor(top, mask));
  double sum = 0;
  for (int i = lane; i < job.experts; i += kWarp) {
    sum += scores[i] = exp(static_cast<double>(logits[i]) - top);
  }
  for (int mask = kWarp / 2; mask > 0; mask /= 2) sum += simt::shuffle_xor(sum, mask);
  for (int i = lane; i < job.experts; i += kWarp) scores[i] /= sum;
}

// Sets the choice of every expert outside the best groups to -infinity.
__device__ __forceinline__ void limit_groups(const ChooseJob& job, double* choice, double* groups,
                                             uint8_t* taken) {
  const int size = job.experts / job.groups;
  for (int g = simt::lane_index(); g < job.groups; g += kWarp) {
    double best = excluded(), second = excluded();
    for (int i = g * size; i < (g + 1) * size; ++i) {
      second = fmax(second, fmin(best, choice[i]));
      best = fmax(best, choice[i]);
    }
    groups[g] = job.best_two && size >= 2 ? best + second : best;
    taken[g] = 0;
  }
  simt::warp_barrier();
  for (int n = 0; n < job.groups_kept; ++n) take_best(groups, taken, job.groups);
  for (int i = simt::lane_index(); i < job.experts; i += kWarp) {
    if (!taken[i / size]) choice[i] = excluded();
  }
  simt::warp_barrier();
}

__global__ void __launch_bounds__(kWarp) choose_kernel(const ChooseJob job) {
  simt::wait_for_inputs();
  __shared__ double scores[kExpertsMax];
  __shared__ double choice[kExpertsMax];
  __shared__ double groups[kExpertsMax];
  __shared__ uint8_t taken[kExpertsMax];
  const int64_t row = blockIdx.x;
  const int lane = simt::lane_index();
  score(job, job.logits + row * job.experts, scores);
  for (int i = lane; i < job.experts; i += kWarp) {
    const double c = job.bias == nullptr ? scores[i] : scores[i] + job.bias[i];
    choice[i] = c == c ? c : excluded();  // NaN is the last choice
  }
  simt::warp_barrier();
  if (job.groups > 1) limit_groups(job, choice, groups, taken);
  for (int i = lane; i < job.experts; i += kWarp) taken[i] = 0;
  simt::warp_barrier();
  int32_t* ids = job.ids + row * job.chosen;
  double sum = 0;
  for (int k = 0; k < job.chosen; ++k) {
    const int id = take_best(choice, taken, job.experts);
    sum += scores[id];
    if (lane == 0) ids[k] = id;
  }
  simt::warp_barrier();
  const double divisor = job.normalize ? sum + 1e-20 : 1;
  for (int k = lane; k < job.chosen; k += kWarp) {
    job.weights[row * job.chosen + k] = static_cast<float>(scores[ids[k]] / divisor * job.factor);
  }
}

}  // namespace

void choose_experts(Stream& stream, const ChooseJob& job) {
  if (job.rows == 0) return;
  Grid grid;
  grid.x = static_cast<unsigned>(job.rows);
  grid.threads = kWarp;
  launch(stream, grid, choose_kernel, job);
}

}  // namespace hearth::cuda
