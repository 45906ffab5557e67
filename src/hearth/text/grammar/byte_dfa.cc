// See byte_dfa.h.
#include "hearth/text/grammar/byte_dfa.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace hearth::grammar {
namespace {

int32_t step(const ByteDfa& dfa, int32_t state, uint8_t byte) {
  if (state < 0) return -1;
  for (const ByteDfa::Arc& arc : dfa.states[static_cast<size_t>(state)].arcs) {
    if (byte >= arc.first && byte <= arc.last) return arc.to;
  }
  return -1;
}

// Where each byte leads; -1: nowhere.
std::array<int32_t, 256> row(const ByteDfa& dfa, int32_t state) {
  std::array<int32_t, 256> out;
  out.fill(-1);
  if (state < 0) return out;
  for (const ByteDfa::Arc& arc : dfa.states[static_cast<size_t>(state)].arcs) {
    std::fill(out.begin() + arc.first, out.begin() + arc.last + 1, arc.to);
  }
  return out;
}

bool accepts_at(const ByteDfa& dfa, int32_t state) {
  return state >= 0 && dfa.states[static_cast<size_t>(state)].accepts;
}

}  // namespace

bool ByteDfa::accepts(std::string_view text) const {
  int32_t at = states.empty() ? -1 : 0;
  for (char c : text) at = step(*this, at, static_cast<uint8_t>(c));
  return accepts_at(*this, at);
}

Result<ByteDfa> combine(const ByteDfa& a, const ByteDfa& b, Combine how, int64_t states_max) {
  using Pair = std::pair<int32_t, int32_t>;
  std::map<Pair, int32_t> ids;
  std::vector<Pair> pairs;
  const auto id_of = [&](Pair pair) {
    const auto [at, fresh] = ids.emplace(pair, static_cast<int32_t>(pairs.size()));
    if (fresh) pairs.push_back(pair);
    return at->second;
  };
  ByteDfa out;
  if (a.states.empty()) return out;
  id_of({0, b.states.empty() ? -1 : 0});
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (static_cast<int64_t>(pairs.size()) > states_max) {
      return error(Code::unsupported, "it needs more than {} states", states_max);
    }
    const Pair pair = pairs[i];
    ByteDfa::State state;
    const bool second = accepts_at(b, pair.second);
    state.accepts = accepts_at(a, pair.first) && (how == Combine::both ? second : !second);
    const auto from_a = row(a, pair.first), from_b = row(b, pair.second);
    for (int byte = 0; byte < 256; ++byte) {
      const auto at = static_cast<size_t>(byte);
      if (from_a[at] < 0 || (how == Combine::both && from_b[at] < 0)) continue;
      const int32_t to = id_of({from_a[at], from_b[at]});
      if (!state.arcs.empty() && state.arcs.back().to == to && state.arcs.back().last == byte - 1) {
        state.arcs.back().last = static_cast<uint8_t>(byte);
      } else {
        state.arcs.push_back({static_cast<uint8_t>(byte), static_cast<uint8_t>(byte), to});
      }
    }
    out.states.push_back(std::move(state));
  }
  return trimmed(out);
}

ByteDfa trimmed(const ByteDfa& dfa) {
  const size_t count = dfa.states.size();
  std::vector<std::vector<int32_t>> from(count);
  std::vector<int32_t> todo;
  std::vector<bool> useful(count, false);
  for (size_t i = 0; i < count; ++i) {
    for (const ByteDfa::Arc& arc : dfa.states[i].arcs) {
      from[static_cast<size_t>(arc.to)].push_back(static_cast<int32_t>(i));
    }
    if (!dfa.states[i].accepts) continue;
    useful[i] = true;
    todo.push_back(static_cast<int32_t>(i));
  }
  while (!todo.empty()) {
    const auto at = static_cast<size_t>(todo.back());
    todo.pop_back();
    for (int32_t before : from[at]) {
      if (useful[static_cast<size_t>(before)]) continue;
      useful[static_cast<size_t>(before)] = true;
      todo.push_back(before);
    }
  }
  ByteDfa out;
  if (count == 0 || !useful[0]) return out;
  std::vector<int32_t> renamed(count, -1);
  int32_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    if (useful[i]) renamed[i] = kept++;
  }
  for (size_t i = 0; i < count; ++i) {
    if (!useful[i]) continue;
    ByteDfa::State state;
    state.accepts = dfa.states[i].accepts;
    for (ByteDfa::Arc arc : dfa.states[i].arcs) {
      arc.to = renamed[static_cast<size_t>(arc.to)];
      if (arc.to >= 0) state.arcs.push_back(arc);
    }
    out.states.push_back(std::move(state));
  }
  return out;
}

}  // namespace hearth::grammar
