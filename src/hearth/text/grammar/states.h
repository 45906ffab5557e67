// States: where a grammar may stand after some bytes, made when a walk first comes there and then
// known by number, so that a byte costs one look into a table and equal places share their token
// masks. Memory and work are bounded: past a bound everything leads to kLost.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "hearth/text/grammar/automaton.h"
#include "hearth/text/grammar/stack_sets.h"
#include "hearth/text/grammar/token_trie.h"

namespace hearth::grammar {

using StateId = int32_t;

inline constexpr StateId kDead = 0;  // the text can't be completed any more
inline constexpr StateId kLost = 1;  // beyond the bounds: nothing is known

struct StateLimits {
  int64_t bytes_max = 32 << 20;  // memory of all states, masks included
  int64_t work_max = 2'000'000;  // nodes visited by one operation, about 0.2 s
};

class States {
 public:
  // Both must outlive it.
  States(const Automaton& automaton, const TokenTrie& tokens, const StateLimits& limits = {});

  StateId start(RuleId root);
  StateId next(StateId state, uint8_t byte) {
    const size_t at = static_cast<size_t>(state) * classes_ + automaton_.class_of[byte];
    return rows_[at] >= 0 ? rows_[at] : make_next(state, byte);
  }
  // The text so far is complete.
  bool accepts(StateId state) const { return states_[static_cast<size_t>(state)].accepts; }
  // Some byte may follow.
  bool continues(StateId state) const { return states_[static_cast<size_t>(state)].count > 0; }

  // Tokens all of whose bytes may follow, to `out` [words of the trie]. False: lost.
  bool mask(StateId state, std::span<uint64_t> out);
  // The state `id` of `other`, whose automaton is the same, here.
  StateId import(const States& other, StateId id);

  void begin_operation() { work_ = 0; }
  int64_t bytes() const { return bytes_ + stacks_.bytes(); }

 private:
  struct Place {
    NodeId node;  // one that reads
    StackId stacks;

    bool operator==(const Place&) const = default;
  };
  struct State {
    int32_t first, count;  // places, by node
    bool accepts;
    int32_t mask = -1;  // of masks_
  };
  struct Item {
    NodeId node;
    int32_t count;  // calls behind a loop
    StackId stacks;
  };
  struct Mask {
    std::vector<uint64_t> bits;  // or, where few tokens are allowed:
    std::vector<int32_t> ids;
    bool sparse;
  };

  StateId make_next(StateId state, uint8_t byte);
  StateId close();
  void visit(const Item& item);
  void visit_loop(const Item& item);
  StackId united(StackId a, StackId b);
  void finish(StackId stacks);
  StateId intern(std::vector<Place>& places, bool accepts);
  std::span<const Place> places(StateId state) const;

  std::optional<StateId> after_plain_character(StateId state);
  bool plain_tokens(StateId state, std::span<uint64_t> out);
  bool walk(const std::vector<TokenTrie::Node>& nodes, StateId from, std::span<uint64_t> out);
  void keep_mask(StateId state, std::span<const uint64_t> bits);

  const Automaton& automaton_;
  const TokenTrie& tokens_;
  const StateLimits limits_;
  const size_t classes_;
  StackSets stacks_;
  std::vector<State> states_;
  std::vector<Place> places_;
  std::vector<StateId> rows_;  // [states, classes]; -1: not made yet
  std::unordered_multimap<uint64_t, StateId> by_hash_;
  std::vector<Mask> masks_;
  int64_t bytes_ = 0;
  int64_t work_ = 0;

  // Of close(), kept between calls.
  std::vector<Item> todo_;
  std::vector<StackId> reached_;  // of each node: with which stacks; -1: not at all
  std::vector<NodeId> touched_;
  std::unordered_map<uint64_t, StackId> reached_loops_;
  bool accepting_ = false;
  std::vector<StateId> path_;  // of walk()
};

}  // namespace hearth::grammar
