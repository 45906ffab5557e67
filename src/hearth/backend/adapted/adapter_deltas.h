// What an adapter changes in a model, as a backend holds it: deltas by the weight that each is for.
// Weights are told apart by their place in the model, which never moves.
#pragma once

#include <memory>
#include <unordered_map>

#include "hearth/backend/backend.h"

namespace hearth {

// MLA's expansion with an adapter's delta in it. Prompt rows expand by it and generated rows absorb
// it, so it can't be added behind: it is a whole matrix of its own.
struct ChangedLatents {
  Weight kv_b;  // f32 [heads * (qk_nope_head_dim + v_head_dim), kv_lora_rank]
  std::shared_ptr<const BackendForm> maps;
};

// Thread-safe once it is filled (const).
struct AdapterDeltas {
  std::unordered_map<const Weight*, LowRank> linears;
  std::unordered_map<const Weight*, ChangedLatents> latents;  // by AttendMla::k_b.weight

  const LowRank* find(const Weight& weight) const {
    const auto found = linears.find(&weight);
    return found == linears.end() ? nullptr : &found->second;
  }
  const ChangedLatents* find_latents(const Weight& kv_b) const {
    const auto found = latents.find(&kv_b);
    return found == latents.end() ? nullptr : &found->second;
  }
};

}  // namespace hearth
