// See stack_sets.h.
#include "hearth/text/grammar/stack_sets.h"

#include <algorithm>
#include <tuple>

namespace hearth::grammar {
namespace {

constexpr int64_t kHashEntryBytes = 48;  // of a hash table, about

std::tuple<NodeId, int32_t> key(const Frame& f) {
  return {f.node, f.count};
}

}  // namespace

StackSets::StackSets() {
  CHECK_EQ(intern({}, true), kEmptyStack);
}

std::span<const Frame> StackSets::tops(StackId id) const {
  const Set& set = sets_[static_cast<size_t>(id)];
  return {frames_.data() + set.first, static_cast<size_t>(set.count)};
}

StackId StackSets::intern(const std::vector<Frame>& frames, bool has_empty) {
  uint64_t hash = has_empty ? 1 : 0;
  int32_t deepest = 0;
  for (const Frame& f : frames) {
    hash = mixed(mixed(hash, static_cast<uint64_t>(f.node) << 32 | static_cast<uint32_t>(f.count)),
                 static_cast<uint64_t>(f.below));
    deepest = std::max(deepest, 1 + depth(f.below));
  }
  const auto [from, to] = by_hash_.equal_range(hash);
  for (auto at = from; at != to; ++at) {
    if (has_empty == this->has_empty(at->second) && std::ranges::equal(tops(at->second), frames)) {
      return at->second;
    }
  }
  const auto id = static_cast<StackId>(sets_.size());
  sets_.push_back({static_cast<int32_t>(frames_.size()), static_cast<int32_t>(frames.size()),
                   deepest, has_empty});
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  by_hash_.emplace(hash, id);
  bytes_ += static_cast<int64_t>(sizeof(Set) + frames.size() * sizeof(Frame)) + kHashEntryBytes;
  return id;
}

StackId StackSets::push(StackId below, NodeId node, int32_t count) {
  return intern({{node, count, below}}, false);
}

// Recursive as deep as the stacks, which is bounded.
StackId StackSets::unite(StackId a, StackId b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);
  const uint64_t pair = static_cast<uint64_t>(a) << 32 | static_cast<uint32_t>(b);
  if (const auto known = unions_.find(pair); known != unions_.end()) return known->second;
  const std::vector<Frame> left(tops(a).begin(), tops(a).end());
  const std::vector<Frame> right(tops(b).begin(), tops(b).end());
  std::vector<Frame> frames;
  for (size_t i = 0, j = 0; i < left.size() || j < right.size();) {
    if (j == right.size() || (i < left.size() && key(left[i]) < key(right[j]))) {
      frames.push_back(left[i++]);
    } else if (i == left.size() || key(right[j]) < key(left[i])) {
      frames.push_back(right[j++]);
    } else {
      frames.push_back({left[i].node, left[i].count, unite(left[i].below, right[j].below)});
      ++i, ++j;
    }
  }
  const StackId id = intern(frames, has_empty(a) || has_empty(b));
  unions_.emplace(pair, id);
  bytes_ += kHashEntryBytes;
  return id;
}

StackId StackSets::import(const StackSets& other, StackId id,
                          std::unordered_map<StackId, StackId>& known) {
  if (const auto at = known.find(id); at != known.end()) return at->second;
  std::vector<Frame> frames(other.tops(id).begin(), other.tops(id).end());
  for (Frame& f : frames) f.below = import(other, f.below, known);
  return known[id] = intern(frames, other.has_empty(id));
}

}  // namespace hearth::grammar
