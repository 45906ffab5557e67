// ByteDfa: a small deterministic automaton over bytes, for what needs intersections and differences
// of languages: a pattern of bounded length, a number in a range, a key that is none of the named
// ones. Built under a bound of states.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth::grammar {

struct ByteDfa {
  struct Arc {
    uint8_t first, last;  // bytes, both included
    int32_t to;
  };
  struct State {
    std::vector<Arc> arcs;  // in order, without overlaps; a missing byte ends in failure
    bool accepts = false;
  };
  std::vector<State> states;  // [0] is the start; none: nothing is accepted

  bool accepts(std::string_view text) const;
};

// How two languages become one.
enum class Combine : uint8_t { both, first_only };

// The texts of both, or of `a` and not of `b`. unsupported: it needs more than `states_max` states.
Result<ByteDfa> combine(const ByteDfa& a, const ByteDfa& b, Combine how, int64_t states_max);

// Without the states from which nothing is accepted.
ByteDfa trimmed(const ByteDfa& dfa);

}  // namespace hearth::grammar
