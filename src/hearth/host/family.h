// The R1 family on this machine: what each model would take in each of the usual formats, whether
// that fits, and how fast it would be.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/host/memory_plan.h"
#include "hearth/host/speed.h"

namespace hearth {

struct FamilyRow {
  std::string model;  // "deepseek-r1-distill-qwen-7b"
  Format format = Format::f32;
  int64_t parameters = 0;
  int64_t weight_bytes = 0;
  int64_t kv_bytes = 0;
  int64_t peak_bytes = 0;
  bool fits = false;      // into the memory that is available
  bool on_disk = false;   // it does not, but with routed experts on disk it runs, so fast
  bool fits_gpu = false;  // into that of one GPU
  std::optional<SpeedForecast> forecast;  // on the CPU, where it fits or experts are on disk
};

struct FamilyOptions {
  int64_t context = 4096;
  int64_t batch = 1;
  int64_t available_bytes = 0;
  int64_t gpu_bytes = 0;  // free on the largest GPU; 0: none
  double disk_gb_s = 0;   // of the disk that models are on; 0: unknown, no experts on disk
};

// From the smallest to R1 itself; of each as published, in 8 and in 4 bits, of R1 in 1.6, too. The
// kernels of a format are measured when the first row that fits needs them.
Result<std::vector<FamilyRow>> plan_family(Speedometer& speedometer, const FamilyOptions& options);

}  // namespace hearth
