// What NVIDIA's cards can do at most, by their data sheets: what a plan for a GPU says about speed,
// before the card is bought. Limits, not forecasts: no step is faster than its bytes and products.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "hearth/base/status.h"
#include "hearth/host/memory_plan.h"

namespace hearth {

struct GpuCard {
  std::string_view name;  // as it is sold
  int64_t memory_bytes;   // whole
  double memory_gb_s;     // 1e9 bytes a second
  double bf16_tflop_s;    // dense, sums in float; 1e12 multiplications and additions a second
  double int8_top_s;      // dense
};

std::span<const GpuCard> gpu_cards();

// The card that `name` means: as it is sold, in any case and with or without its maker ("rtx
// 4090"), or as its driver says it. Null: none of these.
const GpuCard* find_gpu_card(std::string_view name);
// invalid: not a card that is known; says which are.
Result<const GpuCard*> gpu_card_named(std::string_view name);

struct GpuLimits {
  double tok_s_most = 0;     // of the batch, all sequences together
  double ttft_ms_least = 0;  // of the plan's prompt
  bool by_memory = true;     // the tokens, else by arithmetic
};
// Weights that have integer kernels are counted at the card's rate in eight bits.
GpuLimits limits_on(const GpuCard& card, const MemoryPlan& plan);

}  // namespace hearth
