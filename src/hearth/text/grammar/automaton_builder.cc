// See automaton_builder.h.
#include "hearth/text/grammar/automaton_builder.h"

#include <algorithm>

#include "hearth/files/outside_bytes.h"

namespace hearth::grammar {
namespace {

constexpr int64_t kCopiedNodesMax = 256;          // of one repetition, before it becomes a loop
constexpr int64_t kNullableWorkMax = 50'000'000;  // expressions looked at
constexpr int64_t kNullableCopiesMax = 100;       // of a body that may be empty
constexpr int64_t kEdgesPerNode = 4;              // beyond one each, that count as a node

}  // namespace

AutomatonBuilder::AutomatonBuilder(const Grammar& grammar, Automaton& out, bool counts_by_loops)
    : grammar_(grammar), out_(out), counts_by_loops_(counts_by_loops) {
  if (out_.nodes.empty()) add({});  // kFinish
}

NodeId AutomatonBuilder::add(Node node) {
  out_.nodes.push_back(node);
  return static_cast<NodeId>(out_.nodes.size()) - 1;
}

Status AutomatonBuilder::bounded() const {
  const int64_t nodes = std::ssize(out_.nodes);
  const int64_t more_edges = std::max<int64_t>(std::ssize(out_.edges) - nodes, 0);
  if (nodes + more_edges / kEdgesPerNode <= kNodesMax) return Status::ok();
  return error(Code::unsupported, "it needs more than {} states", kNodesMax);
}

NodeId AutomatonBuilder::read(const std::vector<Edge>& edges) {
  const auto first = static_cast<int32_t>(out_.edges.size());
  out_.edges.insert(out_.edges.end(), edges.begin(), edges.end());
  return add({Node::Kind::read, first, static_cast<int32_t>(edges.size())});
}

// Everything below recurses over expressions. Groups and repetitions nest in each other, so that a
// text within kNestingMax of both may still nest their product deep.
Status AutomatonBuilder::check_depth() const {
  for (RuleId r = 0; r < grammar_.rules(); ++r) {
    if (grammar_.expr(grammar_.rule(r).body).depth <= kExprDepthMax) continue;
    return error(Code::unsupported, "rule {}: expected parts nested at most {} deep",
                 excerpt(grammar_.rule(r).name), kExprDepthMax);
  }
  return Status::ok();
}

Status AutomatonBuilder::build_rules() {
  TRY(check_depth());
  TRY(find_nullable_rules());
  out_.starts.assign(static_cast<size_t>(grammar_.rules()), kFinish);
  for (RuleId r = 0; r < grammar_.rules(); ++r) {
    TRY_ASSIGN(out_.starts[static_cast<size_t>(r)], build(grammar_.rule(r).body, kFinish));
  }
  for (size_t i = 0; i < loop_bodies_.size(); ++i) {  // building one may add others
    TRY_ASSIGN(const NodeId start, build(loop_bodies_[i], kFinish));
    out_.starts.push_back(start);
    out_.empty_rules.push_back(false);
  }
  return Status::ok();
}

Result<NodeId> AutomatonBuilder::build(ExprId id, NodeId next) {
  TRY(bounded());
  const Expr& e = grammar_.expr(id);
  switch (e.kind) {
    case Expr::Kind::literals:
      return literals(e.texts, next);
    case Expr::Kind::character:
      return character(e.ranges, next);
    case Expr::Kind::sequence:
      for (auto child = e.children.rbegin(); child != e.children.rend(); ++child) {
        TRY_ASSIGN(next, build(*child, next));
      }
      return next;
    case Expr::Kind::choice:
      return choice(e.children, next);
    case Expr::Kind::repeat:
      return repeat(e, next);
    case Expr::Kind::call:
      return add({Node::Kind::call, e.rule, next});
    case Expr::Kind::dfa:
      return dfa(e.dfa, next);
  }
  return next;
}

// Many texts share their beginnings: an enum of 100,000 values is one trie.
Result<NodeId> AutomatonBuilder::literals(const std::vector<std::string>& texts, NodeId next) {
  int64_t total = 0;
  for (const std::string& text : texts) total += static_cast<int64_t>(text.size());
  if (total > kNodesMax) {
    return error(Code::unsupported, "expected at most {} bytes of literal text, found {}",
                 kNodesMax, total);
  }
  std::vector<std::string_view> sorted(texts.begin(), texts.end());
  std::ranges::sort(sorted);
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return trie(sorted.begin(), sorted.end(), 0, next);
}

NodeId AutomatonBuilder::trie(std::vector<std::string_view>::const_iterator begin,
                              std::vector<std::string_view>::const_iterator end, size_t depth,
                              NodeId next) {
  const size_t common = begin == end ? depth : [&] {
    const std::string_view a = *begin, b = *(end - 1);
    size_t at = depth;
    while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
    return at;
  }();
  NodeId node = next;
  if (begin == end || end - begin > 1 || begin->size() > common) {
    std::vector<Edge> edges;
    auto from = begin;
    const bool ends_here = from != end && from->size() == common;
    if (ends_here) ++from;
    while (from != end) {
      const char byte = (*from)[common];
      const auto to = std::find_if(from, end, [&](auto text) { return text[common] != byte; });
      const auto b = static_cast<uint8_t>(byte);
      edges.push_back({b, b, trie(from, to, common + 1, next)});
      from = to;
    }
    if (!edges.empty() || !ends_here) node = read(edges);
    if (!edges.empty() && ends_here) node = add({Node::Kind::split, node, next});
  }
  if (begin == end) return node;
  for (size_t at = common; at > depth; --at) {
    const auto b = static_cast<uint8_t>((*begin)[at - 1]);
    node = read({{b, b, node}});
  }
  return node;
}

NodeId AutomatonBuilder::character(const std::vector<CodeRange>& ranges, NodeId next) {
  std::vector<Utf8Sequence> sequences;
  for (const CodeRange& r : ranges) utf8_sequences(r.first, r.last, sequences);
  std::map<std::vector<ByteSpan>, NodeId> tails;  // after their first byte
  std::vector<Edge> edges;
  for (const Utf8Sequence& s : sequences) {
    NodeId to = next;
    std::vector<ByteSpan> tail;
    for (int i = s.length - 1; i > 0; --i) {
      const ByteSpan span = s.spans[static_cast<size_t>(i)];
      tail.push_back(span);
      const auto [at, fresh] = tails.emplace(tail, kFinish);
      if (fresh) at->second = read({{span.first, span.last, to}});
      to = at->second;
    }
    const ByteSpan head = s.spans[0];
    if (!edges.empty() && edges.back().to == to && edges.back().last + 1 == head.first) {
      edges.back().last = head.last;
    } else {
      edges.push_back({head.first, head.last, to});
    }
  }
  return read(edges);
}

Result<NodeId> AutomatonBuilder::choice(const std::vector<ExprId>& children, NodeId next) {
  NodeId node = kFinish;
  for (auto child = children.rbegin(); child != children.rend(); ++child) {
    TRY_ASSIGN(const NodeId start, build(*child, next));
    node = child == children.rbegin() ? start : add({Node::Kind::split, start, node});
  }
  return node;
}

// body* : a split that leads into the body, whose end leads back to it.
Result<NodeId> AutomatonBuilder::star(ExprId body, NodeId next, bool at_least_once) {
  const NodeId again = add({Node::Kind::split, kFinish, next});
  TRY_ASSIGN(const NodeId start, build(body, again));
  out_.nodes[static_cast<size_t>(again)].a = start;
  return at_least_once ? start : again;
}

Result<NodeId> AutomatonBuilder::copies(const Expr& e, NodeId next) {
  NodeId node = next;
  int64_t made = 0;
  if (e.max == kUnlimited) {
    TRY_ASSIGN(node, star(e.children[0], next, e.min > 0));
    made = e.min > 0 ? 1 : 0;
  } else {
    for (int64_t i = e.min; i < e.max; ++i) {
      TRY_ASSIGN(const NodeId start, build(e.children[0], node));
      node = add({Node::Kind::split, start, next});
    }
  }
  for (; made < e.min; ++made) {
    TRY_ASSIGN(const NodeId start, build(e.children[0], node));
    if (start == node) break;  // nothing is read, however often
    node = start;
  }
  return node;
}

Result<NodeId> AutomatonBuilder::counted(const Expr& e, NodeId next) {
  const auto next_rule =
      static_cast<RuleId>(grammar_.rules() + static_cast<int64_t>(loop_bodies_.size()));
  const auto [at, fresh] = bodies_.emplace(e.children[0], next_rule);
  if (fresh) loop_bodies_.push_back(e.children[0]);
  out_.loops.push_back({at->second, e.min, e.max});
  return add({Node::Kind::loop, static_cast<int32_t>(out_.loops.size()) - 1, next});
}

Result<NodeId> AutomatonBuilder::repeat(const Expr& e, NodeId next) {
  const int64_t count = e.max == kUnlimited ? e.min : e.max;
  if (count <= 1 || !counts_by_loops_) return copies(e, next);
  if (known_nullable(e.children[0])) {
    // x{2,} of an x that may be empty is x*: the count says nothing.
    if (e.max == kUnlimited) return star(e.children[0], next, false);
    if (e.max > kNullableCopiesMax) {
      return error(Code::unsupported,
                   "expected at most {} repetitions of what may be empty, found {}",
                   kNullableCopiesMax, e.max);
    }
    return copies(e, next);
  }
  if (size(e.children[0]) * std::min(count, kNodesMax) <= kCopiedNodesMax) return copies(e, next);
  return counted(e, next);
}

Result<NodeId> AutomatonBuilder::dfa(const ByteDfa& dfa, NodeId next) {
  if (dfa.states.empty()) return read({});
  const auto first = static_cast<NodeId>(out_.nodes.size());
  const auto count = static_cast<NodeId>(dfa.states.size());
  // State i is node first + i; where it accepts, that is a split to the end and to its reading
  // node.
  for (NodeId i = 0; i < count; ++i) add({});
  for (NodeId i = 0; i < count; ++i) {
    const ByteDfa::State& state = dfa.states[static_cast<size_t>(i)];
    std::vector<Edge> edges;
    for (const ByteDfa::Arc& arc : state.arcs)
      edges.push_back({arc.first, arc.last, first + arc.to});
    const auto from = static_cast<int32_t>(out_.edges.size());
    out_.edges.insert(out_.edges.end(), edges.begin(), edges.end());
    const Node reading{Node::Kind::read, from, static_cast<int32_t>(edges.size())};
    Node& node = out_.nodes[static_cast<size_t>(first + i)];
    if (!state.accepts) {
      node = reading;
    } else if (edges.empty()) {
      node = {Node::Kind::split, next, next};
    } else {
      const NodeId reader = add(reading);
      out_.nodes[static_cast<size_t>(first + i)] = {Node::Kind::split, reader, next};
    }
  }
  TRY(bounded());
  return first;
}

// About how many nodes it becomes, up to kNodesMax.
int64_t AutomatonBuilder::size(ExprId id) {
  if (const auto known = sizes_.find(id); known != sizes_.end()) return known->second;
  const Expr& e = grammar_.expr(id);
  auto sum = static_cast<int64_t>(1 + 2 * e.ranges.size() + e.dfa.states.size());
  for (const std::string& text : e.texts) sum += static_cast<int64_t>(text.size());
  for (ExprId child : e.children) sum = std::min(sum + size(child), kNodesMax);
  if (e.kind == Expr::Kind::repeat) {
    const int64_t count = std::max<int64_t>(e.max == kUnlimited ? e.min : e.max, 1);
    sum = std::min(sum * std::min(count, kNodesMax), kNodesMax);
  }
  return sizes_[id] = sum;
}

bool AutomatonBuilder::known_nullable(ExprId id) {
  const auto known = nullable_exprs_.find(id);
  if (known != nullable_exprs_.end()) return known->second;
  return nullable_exprs_[id] = nullable(id);
}

bool AutomatonBuilder::nullable(ExprId id) {
  ++nullable_work_;
  const Expr& e = grammar_.expr(id);
  const auto child_nullable = [&](ExprId child) { return nullable(child); };
  switch (e.kind) {
    case Expr::Kind::literals:
      return std::ranges::find(e.texts, "") != e.texts.end();
    case Expr::Kind::character:
      return false;
    case Expr::Kind::sequence:
      return std::ranges::all_of(e.children, child_nullable);
    case Expr::Kind::choice:
      return std::ranges::any_of(e.children, child_nullable);
    case Expr::Kind::repeat:
      return e.min == 0 || nullable(e.children[0]);
    case Expr::Kind::call:
      return out_.empty_rules[static_cast<size_t>(e.rule)];
    case Expr::Kind::dfa:
      return !e.dfa.states.empty() && e.dfa.states[0].accepts;
  }
  return false;
}

// To a fixed point: a rule that turns out to match the empty text has its callers looked at again.
Status AutomatonBuilder::find_nullable_rules() {
  const auto count = static_cast<size_t>(grammar_.rules());
  out_.empty_rules.assign(count, false);
  std::vector<std::vector<RuleId>> callers(count);
  std::vector<RuleId> todo;
  for (RuleId r = 0; r < grammar_.rules(); ++r) {
    todo.push_back(r);
    std::vector<ExprId> parts = {grammar_.rule(r).body};
    while (!parts.empty()) {
      const Expr& e = grammar_.expr(parts.back());
      parts.pop_back();
      parts.insert(parts.end(), e.children.begin(), e.children.end());
      if (e.kind != Expr::Kind::call) continue;
      std::vector<RuleId>& list = callers[static_cast<size_t>(e.rule)];
      if (list.empty() || list.back() != r) list.push_back(r);
    }
  }
  while (!todo.empty()) {
    const auto r = static_cast<size_t>(todo.back());
    todo.pop_back();
    if (out_.empty_rules[r]) continue;
    const bool empty = nullable(grammar_.rule(static_cast<RuleId>(r)).body);
    if (nullable_work_ > kNullableWorkMax) {
      return error(Code::unsupported, "the rules are too many and too entangled");
    }
    if (!empty) continue;
    out_.empty_rules[r] = true;
    todo.insert(todo.end(), callers[r].begin(), callers[r].end());
  }
  return Status::ok();
}

}  // namespace hearth::grammar
