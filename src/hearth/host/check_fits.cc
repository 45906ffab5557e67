// Whether a plan fits, and what would: the same weights with a shorter context, or smaller weights.
#include <algorithm>

#include "hearth/host/memory_plan.h"

namespace hearth {
namespace {

constexpr int64_t kContextLeast = 512;  // a shorter one is no advice for a reasoning model

// The longest context, in whole blocks and shorter than planned, with which `held` fits; 0: none.
int64_t longest_context(const MemoryPlan& plan, const HeldWeights& held, int64_t available) {
  const int64_t room = available - plan.peak_bytes(held, 0);
  if (room < 0 || plan.kv_block_bytes <= 0) return 0;
  const int64_t blocks = room / plan.kv_block_bytes / plan.batch;
  const int64_t context = std::min(blocks * kKvBlockTokens, plan.context - 1);
  return context >= kContextLeast ? context : 0;
}

}  // namespace

std::string memory_advice(const MemoryPlan& plan, int64_t available) {
  const int64_t shorter = longest_context(plan, plan.weights, available);
  if (shorter > 0) return fmt::format("--ctx {} would fit", shorter);
  for (const HeldWeights& held : plan.smaller) {
    if (plan.peak_bytes(held, plan.kv_bytes) > available) continue;
    return fmt::format("--dtype {} would fit with {}", format_info(*held.dtype).name,
                       bytes_text(plan.peak_bytes(held, plan.kv_bytes)));
  }
  for (const HeldWeights& held : plan.smaller) {
    const int64_t context = longest_context(plan, held, available);
    if (context == 0) continue;
    return fmt::format("--dtype {} --ctx {} would fit", format_info(*held.dtype).name, context);
  }
  return "";
}

namespace {

std::string expert_text(const ExpertsOnDisk& experts) {
  if (experts.count == 0) return "";
  return fmt::format(", routed experts from disk with a cache of {}",
                     bytes_text(experts.cache_bytes + experts.room_bytes));
}

}  // namespace

std::string bytes_text(int64_t bytes) {
  const auto n = static_cast<double>(bytes);
  if (n >= 1e9) return fmt::format("{:.1f} GB", n / 1e9);
  if (n >= 1e6) return fmt::format("{:.1f} MB", n / 1e6);
  return fmt::format("{:.1f} kB", n / 1e3);
}

Status check_fits(const MemoryPlan& plan, int64_t available_bytes) {
  const int64_t needed = plan.peak_bytes();
  if (needed <= available_bytes) return Status::ok();
  const std::string advice = memory_advice(plan, available_bytes);
  return error(
      Code::no_memory,
      "needs {} of memory (weights {}{}, KV cache {}, activations {}), {} are available; {}",
      bytes_text(needed), bytes_text(plan.weights.resident_bytes()), expert_text(plan.experts),
      bytes_text(plan.kv_bytes), bytes_text(plan.activation_bytes), bytes_text(available_bytes),
      advice.empty() ? "no smaller --dtype or --ctx fits, choose a smaller model" : advice);
}

}  // namespace hearth
