// The index is a list of claims; the shards themselves are asked in checkpoint.cc.
#include "hearth/files/shard_index.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/files/tensor_table.h"

namespace hearth {
namespace {

Status check_shard_name(const std::string& name) {
  TRY(check_name(name));
  const bool plain = name.find_first_of("/\\") == name.npos && name[0] != '.';
  if (!plain || !name.ends_with(".safetensors") || name.size() > 255) {
    return error(Code::corrupt, "expected the plain name of a .safetensors file, found \"{}\"",
                 excerpt(name));
  }
  return Status::ok();
}

}  // namespace

Result<ShardIndex> parse_shard_index(std::string_view json) {
  JsonLimits limits;
  limits.bytes_max = kShardIndexMax;
  limits.depth_max = 8;
  limits.refuse_duplicates = true;
  TRY_ASSIGN(const Json root, parse_json(json, limits));
  TRY_ASSIGN(const Json* map, json_object(root, "weight_map"));
  ShardIndex index;
  std::map<std::string, uint32_t> numbers;
  for (const auto& [tensor, shard] : map->items()) {
    TRY(check_name(tensor).at("`weight_map`"));
    if (!shard.is_string()) {
      return error(Code::corrupt, "`{}`: expected the name of a shard, found {}", excerpt(tensor),
                   json_excerpt(shard));
    }
    const auto& name = shard.get_ref<const std::string&>();
    auto at = numbers.find(name);
    if (at == numbers.end()) {
      TRY(check_shard_name(name).at(fmt::format("`{}`", excerpt(tensor))));
      at = numbers.emplace(name, static_cast<uint32_t>(index.shards.size())).first;
      index.shards.push_back(name);
      if (static_cast<int64_t>(index.shards.size()) > kShardsMax) {
        return error(Code::unsupported, "expected at most {} shards, found more", kShardsMax);
      }
    }
    index.items.push_back({tensor, at->second});
  }
  if (index.items.empty()) {
    return error(Code::corrupt, "`weight_map`: expected tensors, found none");
  }
  std::sort(index.items.begin(), index.items.end(),
            [](const auto& a, const auto& b) { return a.tensor < b.tensor; });
  return index;
}

}  // namespace hearth
