// What the machine can do, measured in a second before anything is loaded, and what traced steps
// will take on it. Nothing is fitted to a model: a verb takes as long as our own kernel takes for
// as many weights, of the same format, from memory, for as many rows; attention as long as for as
// many bytes of cache.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "hearth/host/memory_plan.h"

namespace hearth {

inline constexpr std::array<int64_t, 4> kMeasuredRows = {1, 8, 64, 512};

struct MachineSpeed {
  double read_gb_s = 0;           // memory, 1e9 bytes a second
  Format format = Format::f32;    // of the weights that were multiplied
  // Seconds that 1e9 weights take for kMeasuredRows rows: from memory, or where a model is small
  // enough for the caches, from there.
  std::array<double, kMeasuredRows.size()> row_seconds{};
  double attention_gb_s = 0;      // of the cache, for a generated token
  double attention_gflop_s = 0;   // for the tokens of a prompt
  double verb_seconds = 0;        // of a verb that has next to nothing to do

  // Multiplications and additions a second, in 1e9, of `rows` rows at a time.
  double gflop_s(double rows) const;
  // Of 1e9 weights for `rows` rows, which may be a mean.
  double seconds_per_gweight(double rows) const;
};

// The rates that belong to no format.
struct MemorySpeed {
  double read_gb_s = 0;
  int64_t cache_bytes = 0;  // of the last level, all together; 0: unknown
  int64_t buffer_bytes = 0;  // reading so many bytes leaves nothing else in the caches
};
Result<MemorySpeed> measure_memory(int threads);

// With the kernels of `backend`, for a model that reads `weight_bytes` of weights in a step, most
// of them of `format`.  no_memory: no room for what is measured, at most a few hundred MB.
Result<MachineSpeed> measure_speed(Backend& backend, const MemorySpeed& memory, Format format,
                                   int64_t weight_bytes, int threads);

enum class Limit : uint8_t { memory_bandwidth, compute };
std::string_view limit_name(Limit limit);

struct StepForecast {
  double seconds = 0;
  Limit limited_by = Limit::memory_bandwidth;
};
StepForecast forecast_step(std::span<const TracedVerb> verbs, const MachineSpeed& speed);

struct SpeedForecast {
  double ttft_ms = 0;  // of the plan's prompt
  double tok_s = 0;    // all sequences of the batch together, after that prompt
  Limit limited_by = Limit::memory_bandwidth;  // the generation
};

SpeedForecast forecast(const MemoryPlan& plan, const MachineSpeed& speed);

}  // namespace hearth
