// Stacks of calls that are still open, as sets: an ambiguous grammar may stand in several places at
// once. Each set is held once, so equal sets have equal ids; sets that share their lower frames
// share memory, and taking one back costs nothing.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "hearth/text/grammar/automaton.h"

namespace hearth::grammar {

using StackId = int32_t;

inline constexpr StackId kEmptyStack = 0;  // the set that holds the empty stack alone

// Where a walk goes on after a call: at `node`, for a loop with `count` calls behind it.
struct Frame {
  NodeId node;
  int32_t count;
  StackId below;

  bool operator==(const Frame&) const = default;
};

class StackSets {
 public:
  StackSets();

  // The frames that may be on top, by node and count; each pair stands once.
  std::span<const Frame> tops(StackId id) const;
  bool has_empty(StackId id) const { return sets_[static_cast<size_t>(id)].has_empty; }
  int32_t depth(StackId id) const { return sets_[static_cast<size_t>(id)].depth; }

  StackId push(StackId below, NodeId node, int32_t count);
  StackId unite(StackId a, StackId b);
  // The set `id` of `other`, here. `known` holds what was taken over already.
  StackId import(const StackSets& other, StackId id, std::unordered_map<StackId, StackId>& known);

  int64_t bytes() const { return bytes_; }

 private:
  struct Set {
    int32_t first, count;  // frames
    int32_t depth;         // of the deepest stack
    bool has_empty;
  };
  StackId intern(const std::vector<Frame>& frames, bool has_empty);

  std::vector<Set> sets_;
  std::vector<Frame> frames_;
  std::unordered_multimap<uint64_t, StackId> by_hash_;
  std::unordered_map<uint64_t, StackId> unions_;
  int64_t bytes_ = 0;
};

// Mixes `value` into a hash.
inline uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

}  // namespace hearth::grammar
