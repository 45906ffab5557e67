// What the machine lets a test reach: the time that its bytes take at the measured bandwidth, or
// its multiplications at the measured peak, whichever is longer, step by step.
#pragma once

#include <span>
#include <string>

#include "hearth/backend/trace/trace_backend.h"
#include "hearth/sensors/arithmetic_peak.h"
#include "hearth/tensor/format.h"

namespace hearth {

struct SpeedLimits {
  double read_gb_s = 0;  // of memory
  ArithmeticPeaks peaks;
  int threads = 1;

  // Measures; both grow with what is measured, so that calls between tests find the machine's best.
  Status measure_peaks();
  Status measure_bandwidth();
};

// The arithmetic that fits weights of a format: quantised ones are multiplied as 8-bit numbers,
// bf16 and FP8 as bf16 where the CPU can, all others as f32.
struct FormatPeak {
  std::string kind;  // "int8", "bf16", "f32"
  Peak peak;
};
FormatPeak peak_for(const ArithmeticPeaks& peaks, Format format);

struct Roofline {
  double seconds = 0;             // at least, of all steps together
  bool limited_by_bytes = false;  // most of that time
  double bytes = 0;               // weights and cache, of all steps
  double operations = 0;
};
Roofline roofline_of(std::span<const Work> steps, double read_gb_s, double gop_s);

}  // namespace hearth
