// Automaton: a grammar as a table of nodes over bytes with calls between rules (a recursive
// transition network), checked so that a walk through it always ends and never gets stuck: no rule
// calls itself before it has read a byte, and each node knows how deep calls must nest from it
// until the text can be complete.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "hearth/text/grammar/expression.h"

namespace hearth::grammar {

using NodeId = int32_t;

inline constexpr int32_t kDepthMax = 300;        // calls inside each other, and so JSON in JSON
inline constexpr int64_t kNodesMax = 1'000'000;  // of an automaton
inline constexpr NodeId kFinish = 0;             // where every rule ends

struct Node {
  enum class Kind : uint8_t {
    finish,
    read,   // edges [a, a + b)
    split,  // a and b
    call,   // rule a, then b
    loop,   // loops[a], then b
  };
  Kind kind = Kind::finish;
  int32_t a = 0;
  int32_t b = 0;
};

struct Edge {
  uint8_t first, last;  // bytes, both included
  NodeId to;
};

// `min` to `max` times the rule, which never matches the empty text. What is counted is how often
// it was called; without a maximum the count stays at `min`.
struct Loop {
  RuleId rule;
  int64_t min;
  int64_t max;  // kUnlimited: none
};

struct Automaton {
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  std::vector<Loop> loops;
  std::vector<NodeId> starts;     // of each rule
  std::vector<bool> empty_rules;  // those that match the empty text
  // Depth of calls from a node to the end of its rule, on the shallowest way; more than kDepthMax:
  // there is no end within the bound, and no walk goes there.
  std::vector<int32_t> need;
  std::array<uint8_t, 256> class_of{};  // bytes that no edge tells apart have one class
  int32_t classes = 0;

  int64_t bytes() const;
};

// invalid: a rule calls itself at its beginning, or nothing finite matches the root.
// unsupported: beyond the bounds above.
Result<Automaton> build_automaton(const Grammar& grammar);

// An expression without calls, determinised. unsupported: more than `states_max` states.
Result<ByteDfa> to_dfa(const Grammar& grammar, ExprId expr, int64_t states_max);

}  // namespace hearth::grammar
