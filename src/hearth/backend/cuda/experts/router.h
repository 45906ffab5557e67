// The choice of experts, on the device.
#pragma once

#include <cstdint>

#include "hearth/backend/cuda/runtime/stream.h"

namespace hearth::cuda {

inline constexpr int kExpertsMax = 1024;  // of the choice kernel

struct ChooseJob {
  const float* logits = nullptr;  // [rows][experts]
  const float* bias = nullptr;    // [experts], may be null
  int32_t* ids = nullptr;         // out: [rows][chosen]
  float* weights = nullptr;       // out: [rows][chosen]
  int32_t rows = 0;
  int32_t experts = 0;
  int32_t chosen = 0;
  int32_t groups = 1;
  int32_t groups_kept = 1;
  bool sigmoid = true;   // else softmax
  bool best_two = true;  // scores of groups, else best
  bool normalize = true;
  double factor = 1;
};
// What choose_experts (backend/router.h) does, for every row.
void choose_experts(Stream& stream, const ChooseJob& job);

}  // namespace hearth::cuda
