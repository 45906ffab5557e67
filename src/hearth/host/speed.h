// What the machine can do, measured in a second before anything is loaded, and what a planned model
// will do on it: the roofline of its steps. A step can't be faster than its bytes at the measured
// bandwidth, nor than its multiplications at the measured rate of our own kernels.
#pragma once

#include <string_view>

#include "hearth/host/memory_plan.h"

namespace hearth {

struct MachineSpeed {
  double read_gb_s = 0;       // memory, 1e9 bytes a second
  double prompt_gflop_s = 0;  // many rows at a time
  double decode_gflop_s = 0;  // one row at a time, weights in cache
};

// With the kernels of `backend` on weights of `format`.
Result<MachineSpeed> measure_speed(Backend& backend, Format format, int threads);

enum class Limit : uint8_t { memory_bandwidth, compute };
std::string_view limit_name(Limit limit);

struct SpeedForecast {
  double ttft_ms = 0;  // of the plan's prompt
  double tok_s = 0;    // all sequences of the batch together, after that prompt
  Limit limited_by = Limit::memory_bandwidth;  // the generation
};

SpeedForecast forecast(const MemoryPlan& plan, const MachineSpeed& speed);

}  // namespace hearth
