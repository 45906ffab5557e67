// See automaton.h.
#include "hearth/guard/pii/automaton.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "hearth/base/check.h"
#include "hearth/guard/pii/characters.h"

namespace hearth::pii {

// The literals as a tree with failure links; states in order of their depth.
struct Automaton::Trie {
  std::vector<std::vector<uint16_t>> next;  // [state][class]; 0: none (no edge leads to the root)
  std::vector<std::vector<uint16_t>> found;
  std::vector<uint16_t> fail;

  uint16_t add_state() {
    CHECK_LT(next.size(), size_t{std::numeric_limits<uint16_t>::max()});
    next.emplace_back(kStride, uint16_t{0});
    found.emplace_back();
    fail.push_back(0);
    return static_cast<uint16_t>(next.size() - 1);
  }
  // Fills missing edges with those of the failure state, breadth first.
  void complete() {
    std::vector<uint16_t> queue;
    for (uint16_t child : next[0]) {
      if (child != 0) queue.push_back(child);
    }
    for (size_t head = 0; head < queue.size(); ++head) {
      const uint16_t state = queue[head];
      for (size_t c = 0; c < kStride; ++c) {
        uint16_t& edge = next[state][c];
        const uint16_t other = next[fail[state]][c];
        if (edge == 0) {
          edge = other;
          continue;
        }
        fail[edge] = other;
        found[edge].insert(found[edge].end(), found[other].begin(), found[other].end());
        queue.push_back(edge);
      }
    }
  }
};

void Automaton::classify(std::span<const std::string_view> literals) {
  uint8_t used = 0;
  for (std::string_view literal : literals) {
    CHECK(!literal.empty());
    for (char c : literal) {
      uint8_t& of = class_of_[static_cast<uint8_t>(to_lower(c))];
      if (of != 0) continue;
      CHECK_LT(used, kStride - 1);
      of = ++used;
      class_of_[static_cast<uint8_t>(to_upper(c))] = used;
    }
  }
}

Automaton::Automaton(std::span<const std::string_view> literals) {
  classify(literals);
  Trie trie;
  trie.add_state();
  for (size_t i = 0; i < literals.size(); ++i) {
    uint16_t state = 0;
    for (char c : literals[i]) {
      const uint8_t of = class_of_[static_cast<uint8_t>(c)];
      if (trie.next[state][of] == 0) {
        const uint16_t fresh = trie.add_state();
        trie.next[state][of] = fresh;
      }
      state = trie.next[state][of];
    }
    trie.found[state].push_back(static_cast<uint16_t>(i));
  }
  trie.complete();

  // States that report come last, so that one comparison tells them.
  const size_t states = trie.next.size();
  std::vector<uint16_t> order(states);
  std::iota(order.begin(), order.end(), uint16_t{0});
  std::stable_partition(order.begin(), order.end(),
                        [&](uint16_t s) { return trie.found[s].empty(); });
  std::vector<uint16_t> place(states);
  for (size_t i = 0; i < states; ++i) place[order[i]] = static_cast<uint16_t>(i);
  table_.resize(states * kStride);
  for (size_t i = 0; i < states; ++i) {
    const uint16_t old = order[i];
    for (size_t c = 0; c < kStride; ++c) table_[i * kStride + c] = place[trie.next[old][c]];
    spans_.push_back(static_cast<uint32_t>(found_.size()));
    found_.insert(found_.end(), trie.found[old].begin(), trie.found[old].end());
    if (trie.found[old].empty()) first_reporting_ = static_cast<State>(i + 1);
  }
  spans_.push_back(static_cast<uint32_t>(found_.size()));
}

}  // namespace hearth::pii
