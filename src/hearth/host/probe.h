// What a Speedometer measures with: weights whose values don't matter, and the clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/base/function_ref.h"
#include "hearth/host/speed.h"

namespace hearth::probe {

inline constexpr int kRepeats = 3;  // the median counts

// [rows, columns] in memory of its own.
Weight random_weight(Format format, int64_t rows, int64_t columns);
Result<Linear> random_linear(Backend& backend, Format format, int64_t rows, int64_t columns);
// f32 [rows, columns] in scratch.
Tensor activations(Backend& backend, int64_t rows, int64_t columns);

inline double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// What a run meets, too: its steps are not the luckiest.
template <typename Measure>
double median_of(int repeats, const Measure& measure) {
  std::vector<double> seconds(static_cast<size_t>(repeats));
  for (double& one : seconds) one = measure();
  std::ranges::nth_element(seconds, seconds.begin() + repeats / 2);
  return seconds[static_cast<size_t>(repeats / 2)];
}

// Called before each measurement of what a model doesn't find in the caches.
using Forget = FunctionRef<void()>;

// Attention as the R1 family's dense models have it, and as DeepSeek-V3's.
Result<AttentionSpeed> measure_grouped(Backend& backend, const Forget& forget);
Result<AttentionSpeed> measure_latent(Backend& backend, Format format, double verb_seconds,
                                      const Forget& forget);
// Seconds of a routed expert that is chosen, beside its weights'.
Result<double> measure_expert(Backend& backend, const MachineSpeed& speed);

}  // namespace hearth::probe
