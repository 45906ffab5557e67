// See states.h: how a state follows from another by one byte.
#include "hearth/text/grammar/states.h"

#include <algorithm>

namespace hearth::grammar {
namespace {

constexpr int64_t kHashEntryBytes = 48;

}  // namespace

States::States(const Automaton& automaton, const TokenTrie& tokens, const StateLimits& limits)
    : automaton_(automaton),
      tokens_(tokens),
      limits_(limits),
      classes_(static_cast<size_t>(automaton.classes)),
      reached_(automaton.nodes.size(), -1),
      path_(static_cast<size_t>(tokens.depth_max()) + 2) {
  // kDead and kLost lead to themselves and allow nothing.
  for (StateId id : {kDead, kLost}) {
    states_.push_back({0, 0, false});
    rows_.insert(rows_.end(), classes_, id);
  }
}

std::span<const States::Place> States::places(StateId state) const {
  const State& s = states_[static_cast<size_t>(state)];
  return {places_.data() + s.first, static_cast<size_t>(s.count)};
}

StateId States::start(RuleId root) {
  todo_.push_back({automaton_.starts[static_cast<size_t>(root)], 0, kEmptyStack});
  return close();
}

StateId States::make_next(StateId state, uint8_t byte) {
  for (const Place& place : places(state)) {
    const Node& node = automaton_.nodes[static_cast<size_t>(place.node)];
    for (int32_t i = 0; i < node.b; ++i) {
      const Edge& edge = automaton_.edges[static_cast<size_t>(node.a + i)];
      if (edge.first <= byte && byte <= edge.last) todo_.push_back({edge.to, 0, place.stacks});
    }
    work_ += 1 + node.b / 16;
  }
  const StateId to = close();
  if (to != kLost) {
    rows_[static_cast<size_t>(state) * classes_ + automaton_.class_of[byte]] = to;
  }
  return to;
}

// Follows from todo_ everything that reads no byte.
StateId States::close() {
  accepting_ = false;
  while (!todo_.empty() && work_ <= limits_.work_max && bytes() <= limits_.bytes_max) {
    const Item item = todo_.back();
    todo_.pop_back();
    ++work_;
    visit(item);
  }
  std::vector<Place> reading;
  for (NodeId node : touched_) {
    StackId& stacks = reached_[static_cast<size_t>(node)];
    const Node& n = automaton_.nodes[static_cast<size_t>(node)];
    if (n.kind == Node::Kind::read && n.b > 0) reading.push_back({node, stacks});
    stacks = -1;
  }
  touched_.clear();
  reached_loops_.clear();
  if (!todo_.empty() || bytes() > limits_.bytes_max) {
    todo_.clear();
    return kLost;
  }
  return intern(reading, accepting_);
}

StackId States::united(StackId a, StackId b) {
  work_ += std::ssize(stacks_.tops(a)) / 4;
  return stacks_.unite(a, b);
}

void States::visit(const Item& item) {
  const Node& node = automaton_.nodes[static_cast<size_t>(item.node)];
  // From here no end is within the depth that calls may have.
  const int32_t need = automaton_.need[static_cast<size_t>(item.node)];
  if (stacks_.depth(item.stacks) + need > kDepthMax) return;
  if (node.kind == Node::Kind::loop) return visit_loop(item);
  StackId& reached = reached_[static_cast<size_t>(item.node)];
  if (reached < 0) {
    touched_.push_back(item.node);
    reached = item.stacks;
  } else {
    const StackId all = united(reached, item.stacks);
    if (all == reached) return;
    reached = all;
  }
  switch (node.kind) {
    case Node::Kind::finish:
      return finish(item.stacks);
    case Node::Kind::split:
      todo_.push_back({node.b, 0, item.stacks});
      todo_.push_back({node.a, 0, item.stacks});
      return;
    case Node::Kind::call: {
      // The last call of a rule needs no frame: where it ends the rule ends.
      const StackId inside = node.b == kFinish ? item.stacks : stacks_.push(item.stacks, node.b, 0);
      todo_.push_back({automaton_.starts[static_cast<size_t>(node.a)], 0, inside});
      return;
    }
    case Node::Kind::read:
    case Node::Kind::loop:
      return;
  }
}

void States::visit_loop(const Item& item) {
  const uint64_t key = static_cast<uint64_t>(item.node) << 32 | static_cast<uint32_t>(item.count);
  const auto [at, fresh] = reached_loops_.emplace(key, item.stacks);
  if (!fresh) {
    const StackId all = united(at->second, item.stacks);
    if (all == at->second) return;
    at->second = all;
  }
  const Node& node = automaton_.nodes[static_cast<size_t>(item.node)];
  const Loop& loop = automaton_.loops[static_cast<size_t>(node.a)];
  if (item.count >= loop.min) todo_.push_back({node.b, 0, item.stacks});
  if (loop.max != kUnlimited && item.count >= loop.max) return;
  const int64_t counted = item.count + int64_t{1};
  const int64_t count = loop.max == kUnlimited ? std::min(counted, loop.min) : counted;
  const StackId inside = stacks_.push(item.stacks, item.node, static_cast<int32_t>(count));
  todo_.push_back({automaton_.starts[static_cast<size_t>(loop.rule)], 0, inside});
}

void States::finish(StackId stacks) {
  if (stacks_.has_empty(stacks)) accepting_ = true;
  for (const Frame& f : stacks_.tops(stacks)) todo_.push_back({f.node, f.count, f.below});
}

StateId States::intern(std::vector<Place>& reading, bool accepts) {
  if (reading.empty() && !accepts) return kDead;
  std::ranges::sort(reading, {}, &Place::node);
  uint64_t hash = accepts ? 1 : 0;
  for (const Place& p : reading) {
    hash = mixed(hash, static_cast<uint64_t>(p.node) << 32 | static_cast<uint32_t>(p.stacks));
  }
  const auto [from, to] = by_hash_.equal_range(hash);
  for (auto at = from; at != to; ++at) {
    if (this->accepts(at->second) == accepts && std::ranges::equal(places(at->second), reading)) {
      return at->second;
    }
  }
  const auto id = static_cast<StateId>(states_.size());
  states_.push_back(
      {static_cast<int32_t>(places_.size()), static_cast<int32_t>(reading.size()), accepts});
  places_.insert(places_.end(), reading.begin(), reading.end());
  rows_.insert(rows_.end(), classes_, -1);
  by_hash_.emplace(hash, id);
  bytes_ += static_cast<int64_t>(sizeof(State) + reading.size() * sizeof(Place) +
                                 classes_ * sizeof(StateId)) +
            kHashEntryBytes;
  return id;
}

StateId States::import(const States& other, StateId id) {
  if (id <= kLost) return id;
  std::unordered_map<StackId, StackId> known;
  std::vector<Place> reading;
  for (const Place& p : other.places(id)) {
    reading.push_back({p.node, stacks_.import(other.stacks_, p.stacks, known)});
  }
  return intern(reading, other.accepts(id));
}

}  // namespace hearth::grammar
