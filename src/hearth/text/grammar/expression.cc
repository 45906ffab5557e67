// See expression.h.
#include "hearth/text/grammar/expression.h"

#include <algorithm>
#include <utility>

namespace hearth::grammar {

std::vector<CodeRange> normalised(std::vector<CodeRange> ranges) {
  std::ranges::sort(ranges, {}, &CodeRange::first);
  std::vector<CodeRange> out;
  for (const CodeRange& r : ranges) {
    if (!out.empty() && r.first <= out.back().last + 1) {
      out.back().last = std::max(out.back().last, r.last);
    } else {
      out.push_back(r);
    }
  }
  return out;
}

std::vector<CodeRange> complement(std::vector<CodeRange> ranges) {
  std::vector<CodeRange> out;
  uint32_t next = 0;
  for (const CodeRange& r : normalised(std::move(ranges))) {
    if (r.first > next) out.push_back({next, r.first - 1});
    next = r.last + 1;
  }
  if (next <= kCodePointMax) out.push_back({next, kCodePointMax});
  return out;
}

ExprId Grammar::add(Expr expr) {
  for (ExprId child : expr.children) {
    expr.depth = std::max(expr.depth, this->expr(child).depth + 1);
  }
  exprs_.push_back(std::move(expr));
  return static_cast<ExprId>(exprs_.size()) - 1;
}

ExprId Grammar::literals(std::vector<std::string> texts) {
  Expr e;
  e.texts = std::move(texts);
  return add(std::move(e));
}

ExprId Grammar::character(std::vector<CodeRange> ranges) {
  Expr e;
  e.kind = Expr::Kind::character;
  e.ranges = normalised(std::move(ranges));
  return add(std::move(e));
}

ExprId Grammar::sequence(std::vector<ExprId> children) {
  if (children.size() == 1) return children[0];
  Expr e;
  e.kind = Expr::Kind::sequence;
  e.children = std::move(children);
  return add(std::move(e));
}

ExprId Grammar::choice(std::vector<ExprId> children) {
  if (children.empty()) return nothing();
  if (children.size() == 1) return children[0];
  Expr e;
  e.kind = Expr::Kind::choice;
  e.children = std::move(children);
  return add(std::move(e));
}

ExprId Grammar::repeat(ExprId body, int64_t min, int64_t max) {
  CHECK(min >= 0 && (max == kUnlimited || min <= max) && max <= kRepeatMax && min <= kRepeatMax);
  if (max == 0) return empty();
  if (min == 1 && max == 1) return body;
  Expr e;
  e.kind = Expr::Kind::repeat;
  e.children = {body};
  e.min = min;
  e.max = max;
  return add(std::move(e));
}

ExprId Grammar::call(RuleId rule) {
  Expr e;
  e.kind = Expr::Kind::call;
  e.rule = rule;
  return add(std::move(e));
}

ExprId Grammar::dfa(ByteDfa dfa) {
  Expr e;
  e.kind = Expr::Kind::dfa;
  e.dfa = std::move(dfa);
  return add(std::move(e));
}

RuleId Grammar::declare(std::string name) {
  rules_.push_back({std::move(name), -1});
  return static_cast<RuleId>(rules_.size()) - 1;
}

RuleId Grammar::include(Grammar other) {
  const auto exprs = static_cast<ExprId>(exprs_.size());
  const auto rules = static_cast<RuleId>(rules_.size());
  for (Expr& e : other.exprs_) {
    for (ExprId& child : e.children) child += exprs;
    if (e.kind == Expr::Kind::call) e.rule += rules;
    exprs_.push_back(std::move(e));
  }
  for (Rule& r : other.rules_) {
    if (r.body >= 0) r.body += exprs;
    rules_.push_back(std::move(r));
  }
  return other.root + rules;
}

}  // namespace hearth::grammar
