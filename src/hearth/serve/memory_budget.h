// MemoryBudget: what a server holds at most once it runs, stated at its start. Nothing of it grows
// with the number of requests: what doesn't fit waits or is refused.
#pragma once

#include <cstdint>
#include <string>

#include "hearth/base/status.h"
#include "hearth/files/json.h"

namespace hearth::serve {

// Of one connection with a request that waits or runs: buffers, its coroutine, the prompt's tokens,
// the pieces of its answer. 37 kB were measured of each of 1,000 streams with prompts of 400
// tokens, 10 kB of an idle connection; a body or an answer of megabytes comes on top for as long as
// it is held.
inline constexpr int64_t kConnectionBytes = 64 << 10;

struct MemoryBudget {
  int64_t weights = 0;      // as they are held; mapped ones included
  int64_t kv_cache = 0;     // the whole pool of blocks
  int64_t scratch = 0;      // activations of the fullest step, logits and hidden states included
  int64_t adapters = 0;     // those of --adapter
  int64_t experts = 0;      // cache of routed experts that are read from disk
  int64_t process = 0;      // program, tokenizer, tables: measured when all of them were loaded
  int64_t connections = 0;  // as many as may be open

  int64_t total() const {
    return weights + kv_cache + scratch + adapters + experts + process + connections;
  }
};

// Whether what the process doesn't hold yet finds room in `available` bytes: no_memory, in one line
// that says what would. `cache_held`: the KV cache is made, and written to. The cache of experts
// fills when requests come.
Status check_room(const MemoryBudget& budget, int64_t available, bool cache_held);

// {weights_bytes, kv_cache_bytes, scratch_bytes, adapters_bytes, expert_cache_bytes,
// process_bytes, connections_bytes, total_bytes}
Json budget_json(const MemoryBudget& budget);
// "weights 4.2 MB, KV cache 1.0 GB, scratch 12.0 MB, adapters 0.0 kB, process 150.0 MB,
// connections 268.4 MB, together 1.5 GB"
std::string budget_text(const MemoryBudget& budget);

}  // namespace hearth::serve
