// model.safetensors.index.json: which shard holds which tensor. Shard names are file names beside
// the index, nothing else: no folder, no "..", no absolute path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth {

struct ShardIndex {
  struct Item {
    std::string tensor;
    uint32_t shard;  // index of `shards`
  };
  std::vector<std::string> shards;  // file names, in the order of their first mention
  std::vector<Item> items;          // sorted by tensor
};

inline constexpr int64_t kShardIndexMax = 64 << 20;  // bytes; DeepSeek-R1 has 9 MB
inline constexpr int64_t kShardsMax = 10'000;

Result<ShardIndex> parse_shard_index(std::string_view json);

}  // namespace hearth
