// to_dfa of automaton.h: the subset construction, under bounds of states and of work.
#include <algorithm>
#include <map>
#include <utility>

#include "hearth/text/grammar/automaton_builder.h"

namespace hearth::grammar {
namespace {

constexpr int64_t kWorkMax = 20'000'000;  // nodes looked at

class Determinizer {
 public:
  explicit Determinizer(const Automaton& a) : a_(a), seen_(a.nodes.size(), 0) {}

  Result<ByteDfa> run(NodeId start, int64_t states_max) {
    id_of(closure({start}));
    for (size_t i = 0; i < sets_.size(); ++i) {
      if (static_cast<int64_t>(sets_.size()) > states_max || work_ > kWorkMax) {
        return error(Code::unsupported, "it needs more than {} states", states_max);
      }
      const Set set = sets_[i];
      dfa_.states.push_back(state_of(set));
    }
    return trimmed(dfa_);
  }

 private:
  using Set = std::vector<NodeId>;  // reading nodes, and the end; in order

  Set closure(Set todo) {
    ++round_;
    Set out;
    while (!todo.empty()) {
      const NodeId id = todo.back();
      todo.pop_back();
      ++work_;
      if (std::exchange(seen_[static_cast<size_t>(id)], round_) == round_) continue;
      const Node& n = a_.nodes[static_cast<size_t>(id)];
      CHECK(n.kind != Node::Kind::call && n.kind != Node::Kind::loop);
      if (n.kind == Node::Kind::split) {
        todo.insert(todo.end(), {n.a, n.b});
      } else {
        out.push_back(id);
      }
    }
    std::ranges::sort(out);
    return out;
  }

  int32_t id_of(Set set) {
    const auto [at, fresh] = ids_.emplace(set, static_cast<int32_t>(sets_.size()));
    if (fresh) sets_.push_back(std::move(set));
    return at->second;
  }

  // Cut at the bytes where an edge begins or ends, every stretch leads to one set.
  ByteDfa::State state_of(const Set& set) {
    ByteDfa::State state;
    std::vector<Edge> edges;
    std::vector<int> cuts = {256};
    for (NodeId id : set) {
      const Node& n = a_.nodes[static_cast<size_t>(id)];
      state.accepts = state.accepts || n.kind == Node::Kind::finish;
      for (int32_t i = 0; n.kind == Node::Kind::read && i < n.b; ++i) {
        edges.push_back(a_.edges[static_cast<size_t>(n.a + i)]);
        cuts.insert(cuts.end(), {edges.back().first, edges.back().last + 1});
      }
    }
    std::ranges::sort(cuts);
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      const auto first = static_cast<uint8_t>(cuts[i]);
      const auto last = static_cast<uint8_t>(cuts[i + 1] - 1);
      Set targets;
      for (const Edge& e : edges) {
        if (e.first <= first && last <= e.last) targets.push_back(e.to);
      }
      work_ += static_cast<int64_t>(edges.size());
      if (!targets.empty()) state.arcs.push_back({first, last, id_of(closure(targets))});
    }
    return state;
  }

  const Automaton& a_;
  std::vector<int32_t> seen_;  // in which closure a node was seen
  int32_t round_ = 0;
  int64_t work_ = 0;
  std::map<Set, int32_t> ids_;
  std::vector<Set> sets_;
  ByteDfa dfa_;
};

}  // namespace

Result<ByteDfa> to_dfa(const Grammar& grammar, ExprId expr, int64_t states_max) {
  Automaton a;
  AutomatonBuilder builder(grammar, a, false);
  TRY_ASSIGN(const NodeId start, builder.build(expr, kFinish));
  return Determinizer(a).run(start, states_max);
}

}  // namespace hearth::grammar
