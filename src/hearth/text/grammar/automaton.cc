// See automaton.h: the checks of an automaton once it is built.
#include "hearth/text/grammar/automaton.h"

#include <algorithm>
#include <utility>

#include "hearth/text/grammar/automaton_builder.h"

namespace hearth::grammar {
namespace {

constexpr int32_t kNoEnd = kDepthMax + 1;

// Rules of loops have no name of their own.
std::string name_of(const Grammar& grammar, RuleId rule) {
  return rule < grammar.rules() ? grammar.rule(rule).name : "a repetition";
}

// The depth of calls that each node needs: Knuth's generalisation of Dijkstra's way, since a node's
// need follows from smaller ones. Nodes are settled in the order of their need.
class Needs {
 public:
  explicit Needs(Automaton& automaton) : a_(automaton), settled_(automaton.nodes.size(), false) {
    a_.need.assign(a_.nodes.size(), kNoEnd);
    dependents_ = lists_of_dependents();
  }

  void find() {
    levels_.resize(static_cast<size_t>(kDepthMax) + 1);
    offer(kFinish, 0);
    for (size_t level = 0; level < levels_.size(); ++level) {
      for (size_t i = 0; i < levels_[level].size(); ++i) settle(levels_[level][i]);
    }
  }

 private:
  using Lists = std::pair<std::vector<int32_t>, std::vector<NodeId>>;  // begins, and all lists

  template <typename F>
  void each_dependency(NodeId id, const F& f) const {
    const Node& n = a_.nodes[static_cast<size_t>(id)];
    const auto start = [&](int32_t rule) { return a_.starts[static_cast<size_t>(rule)]; };
    if (n.kind == Node::Kind::read) {
      for (int32_t i = 0; i < n.b; ++i) f(a_.edges[static_cast<size_t>(n.a + i)].to);
    } else if (n.kind != Node::Kind::finish) {
      if (n.kind == Node::Kind::split) f(n.a);
      if (n.kind == Node::Kind::call) f(start(n.a));
      if (n.kind == Node::Kind::loop) f(start(a_.loops[static_cast<size_t>(n.a)].rule));
      f(n.b);
    }
  }

  Lists lists_of_dependents() const {
    Lists out;
    out.first.assign(a_.nodes.size() + 1, 0);
    const auto count = static_cast<NodeId>(a_.nodes.size());
    for (NodeId id = 0; id < count; ++id) {
      each_dependency(id, [&](NodeId on) { ++out.first[static_cast<size_t>(on) + 1]; });
    }
    for (size_t i = 1; i < out.first.size(); ++i) out.first[i] += out.first[i - 1];
    out.second.resize(static_cast<size_t>(out.first.back()));
    std::vector<int32_t> fill(out.first.begin(), out.first.end() - 1);
    for (NodeId id = 0; id < count; ++id) {
      each_dependency(id, [&](NodeId on) {
        out.second[static_cast<size_t>(fill[static_cast<size_t>(on)]++)] = id;
      });
    }
    return out;
  }

  void offer(NodeId id, int32_t need) {
    if (need >= kNoEnd || need >= a_.need[static_cast<size_t>(id)]) return;
    a_.need[static_cast<size_t>(id)] = need;
    levels_[static_cast<size_t>(need)].push_back(id);
  }

  int32_t need(NodeId id) const { return a_.need[static_cast<size_t>(id)]; }

  int32_t of_call(RuleId rule, NodeId next) const {
    const int32_t inside = need(a_.starts[static_cast<size_t>(rule)]);
    return std::max(next == kFinish ? inside : inside + 1, need(next));
  }

  int32_t of(NodeId id) const {
    const Node& n = a_.nodes[static_cast<size_t>(id)];
    switch (n.kind) {
      case Node::Kind::finish:
        return 0;
      case Node::Kind::read: {
        int32_t least = kNoEnd;
        each_dependency(id, [&](NodeId to) { least = std::min(least, need(to)); });
        return least;
      }
      case Node::Kind::split:
        return std::min(need(n.a), need(n.b));
      case Node::Kind::call:
        return of_call(n.a, n.b);
      case Node::Kind::loop: {
        const Loop& loop = a_.loops[static_cast<size_t>(n.a)];
        const int32_t inside = need(a_.starts[static_cast<size_t>(loop.rule)]) + 1;
        return loop.min == 0 ? need(n.b) : std::max(inside, need(n.b));
      }
    }
    return kNoEnd;
  }

  void settle(NodeId id) {
    if (settled_[static_cast<size_t>(id)]) return;
    settled_[static_cast<size_t>(id)] = true;
    const auto at = static_cast<size_t>(id);
    for (int32_t i = dependents_.first[at]; i < dependents_.first[at + 1]; ++i) {
      const NodeId dependent = dependents_.second[static_cast<size_t>(i)];
      if (!settled_[static_cast<size_t>(dependent)]) offer(dependent, of(dependent));
    }
  }

  Automaton& a_;
  std::vector<bool> settled_;
  Lists dependents_;
  std::vector<std::vector<NodeId>> levels_;
};

// Which rules a rule can be in before it has read a byte.
class LeftRecursion {
 public:
  explicit LeftRecursion(const Automaton& automaton)
      : a_(automaton), seen_(automaton.nodes.size(), 0), color_(automaton.starts.size(), 0) {}

  // A rule that is its own beginning; -1: there is none.
  RuleId find() {
    for (size_t r = 0; r < a_.starts.size(); ++r) {
      const RuleId found = color_[r] == 0 ? search(static_cast<RuleId>(r)) : -1;
      if (found >= 0) return found;
    }
    return -1;
  }

 private:
  struct Open {
    RuleId rule;
    std::vector<RuleId> calls;
    size_t next;
  };

  // Depth first, without the machine's stack: a chain of rules may be 100,000 long.
  RuleId search(RuleId first) {
    std::vector<Open> open;
    const auto enter = [&](RuleId r) {
      color_[static_cast<size_t>(r)] = 1;
      open.push_back({r, first_calls(r), 0});
    };
    enter(first);
    while (!open.empty()) {
      Open& top = open.back();
      if (top.next == top.calls.size()) {
        color_[static_cast<size_t>(top.rule)] = 2;
        open.pop_back();
        continue;
      }
      const RuleId called = top.calls[top.next++];
      if (color_[static_cast<size_t>(called)] == 1) return called;
      if (color_[static_cast<size_t>(called)] == 0) enter(called);
    }
    return -1;
  }

  std::vector<RuleId> first_calls(RuleId rule) {
    ++round_;
    std::vector<RuleId> out;
    std::vector<NodeId> todo = {a_.starts[static_cast<size_t>(rule)]};
    while (!todo.empty()) {
      const NodeId id = todo.back();
      todo.pop_back();
      if (std::exchange(seen_[static_cast<size_t>(id)], round_) == round_) continue;
      const Node& n = a_.nodes[static_cast<size_t>(id)];
      if (n.kind == Node::Kind::split) todo.insert(todo.end(), {n.a, n.b});
      if (n.kind == Node::Kind::call) {
        out.push_back(n.a);
        if (a_.empty_rules[static_cast<size_t>(n.a)]) todo.push_back(n.b);
      }
      if (n.kind == Node::Kind::loop) {
        const Loop& loop = a_.loops[static_cast<size_t>(n.a)];
        out.push_back(loop.rule);
        if (loop.min == 0) todo.push_back(n.b);
      }
    }
    return out;
  }

  const Automaton& a_;
  std::vector<int32_t> seen_;   // in which walk a node was seen
  std::vector<uint8_t> color_;  // 0: new, 1: open, 2: done
  int32_t round_ = 0;
};

// Bytes at which some edge begins or ends cut the bytes into classes.
void find_classes(Automaton& a) {
  std::array<bool, 257> cuts{};
  for (const Edge& e : a.edges) {
    cuts[e.first] = true;
    cuts[static_cast<size_t>(e.last) + 1] = true;
  }
  int32_t next = 0;
  for (size_t byte = 0; byte < 256; ++byte) {
    if (byte > 0 && cuts[byte]) ++next;
    a.class_of[byte] = static_cast<uint8_t>(next);
  }
  a.classes = next + 1;
}

}  // namespace

int64_t Automaton::bytes() const {
  const auto of = [](const auto& list) {
    return static_cast<int64_t>(list.capacity() * sizeof(list[0]));
  };
  return of(nodes) + of(edges) + of(loops) + of(starts) + of(need);
}

Result<Automaton> build_automaton(const Grammar& grammar) {
  Automaton out;
  AutomatonBuilder builder(grammar, out, true);
  TRY(builder.build_rules());
  const RuleId recursive = LeftRecursion(out).find();
  if (recursive >= 0) {
    return error(Code::invalid, "rule {}: expected it to read something before it calls itself",
                 name_of(grammar, recursive));
  }
  Needs(out).find();
  if (out.need[static_cast<size_t>(out.starts[static_cast<size_t>(grammar.root)])] > kDepthMax) {
    return error(Code::invalid,
                 "nothing matches: no finite text follows the rules with calls nested up to {}",
                 kDepthMax);
  }
  find_classes(out);
  return out;
}

}  // namespace hearth::grammar
