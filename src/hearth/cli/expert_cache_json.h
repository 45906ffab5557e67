// The member `expert_cache` of what commands print of a model whose routed experts come from disk.
#pragma once

#include <nlohmann/json.hpp>

#include "hearth/backend/backend.h"
#include "hearth/files/json.h"

namespace hearth::cli {

inline Json expert_cache_json(const ExpertCacheStats& stats) {
  return {{"hits", stats.hits},
          {"misses", stats.misses},
          {"ahead_reads", stats.ahead_reads},
          {"ahead_used", stats.ahead_used},
          {"bytes_read", stats.bytes_read},
          {"wait_ms", stats.wait_seconds * 1e3},
          {"cache_bytes", stats.budget_bytes}};
}

}  // namespace hearth::cli
