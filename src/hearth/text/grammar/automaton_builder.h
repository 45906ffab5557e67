// Nodes of expressions, built from the end to the beginning: build(e, next) is where a walk begins
// that reads `e` and goes on at `next`.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hearth/text/grammar/automaton.h"
#include "hearth/text/grammar/utf8_sequences.h"

namespace hearth::grammar {

class AutomatonBuilder {
 public:
  // `counts_by_loops`: large repetitions become loops over a rule, else copies.
  AutomatonBuilder(const Grammar& grammar, Automaton& out, bool counts_by_loops);

  Status build_rules();
  Result<NodeId> build(ExprId id, NodeId next);

 private:
  NodeId add(Node node);
  NodeId read(const std::vector<Edge>& edges);
  Result<NodeId> literals(const std::vector<std::string>& texts, NodeId next);
  NodeId trie(std::vector<std::string_view>::const_iterator begin,
              std::vector<std::string_view>::const_iterator end, size_t depth, NodeId next);
  NodeId character(const std::vector<CodeRange>& ranges, NodeId next);
  Result<NodeId> choice(const std::vector<ExprId>& children, NodeId next);
  Result<NodeId> repeat(const Expr& e, NodeId next);
  Result<NodeId> star(ExprId body, NodeId next, bool at_least_once);
  Result<NodeId> copies(const Expr& e, NodeId next);
  Result<NodeId> counted(const Expr& e, NodeId next);
  Result<NodeId> dfa(const ByteDfa& dfa, NodeId next);
  Status check_depth() const;
  Status find_nullable_rules();
  bool nullable(ExprId id);
  bool known_nullable(ExprId id);
  int64_t size(ExprId id);
  Status bounded() const;

  const Grammar& grammar_;
  Automaton& out_;
  const bool counts_by_loops_;
  int64_t nullable_work_ = 0;
  std::map<ExprId, bool> nullable_exprs_;  // once those of the rules are known
  std::map<ExprId, int64_t> sizes_;
  std::map<ExprId, RuleId> bodies_;  // of loops, beyond the grammar's own rules
  std::vector<ExprId> loop_bodies_;  // in the order of their rules
};

}  // namespace hearth::grammar
