// The most arithmetic that this machine does a second, by kind of number: what bounds the reading
// of a prompt. Measured in registers, so that no kernel can do better.
#pragma once

#include <cstdint>
#include <string>

#include "hearth/base/status.h"

namespace hearth {

struct Peak {
  double gop_s = 0;             // 1e9 multiplications and additions a second; 0: not on this CPU
  std::string instruction_set;  // that reached it
};

struct ArithmeticPeaks {
  Peak f32;
  Peak int8;
  Peak bf16;  // multiplied as bf16, summed as f32
};

// `threads` threads at once; each of the few instruction sets of this CPU gets `seconds`.
// invalid: no thread.
Result<ArithmeticPeaks> measure_arithmetic_peaks(int threads, double seconds = 0.05);

}  // namespace hearth
