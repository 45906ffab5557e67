// MemoryBudget: what a server holds once it runs, stated at its start, byte for byte. Nothing of it
// grows with the number of requests: what doesn't fit waits or is refused.
#pragma once

#include <cstdint>
#include <string>

#include "hearth/files/json.h"

namespace hearth::serve {

struct MemoryBudget {
  int64_t weights = 0;   // as they are held; mapped ones included
  int64_t kv_cache = 0;  // the whole pool of blocks
  int64_t scratch = 0;   // activations of the fullest step, logits and hidden states included
  int64_t adapters = 0;  // those of --adapter
  int64_t experts = 0;   // cache of routed experts that are read from disk

  int64_t total() const { return weights + kv_cache + scratch + adapters + experts; }
};

// {weights_bytes, kv_cache_bytes, scratch_bytes, adapters_bytes, expert_cache_bytes, total_bytes}
Json budget_json(const MemoryBudget& budget);
// "weights 4.2 MB, KV cache 1.0 GB, scratch 12.0 MB, adapters 0.0 kB, together 1.1 GB"
std::string budget_text(const MemoryBudget& budget);

}  // namespace hearth::serve
