// See relations.h.
#include "hearth/eval/math/relations.h"

#include <algorithm>

namespace hearth::math {
namespace {

using Kind = Answer::Kind;

bool is_variable(const Answer& a) {
  return a.kind == Kind::scalar && !as_symbol(a.scalar).empty() && as_symbol(a.scalar) != "inf";
}

std::string mirrored(const std::string& op) {
  return op == "<" ? ">" : op == "<=" ? ">=" : op == ">" ? "<" : op == ">=" ? "<=" : op;
}

bool is_less(const std::string& op) {
  return op == "<" || op == "<=";
}

Answer interval(Answer low, bool low_closed, Answer high, bool high_closed) {
  Answer out;
  out.kind = Kind::ordered;
  out.items = {std::move(low), std::move(high)};
  out.open = low_closed ? '[' : '(';
  out.close = high_closed ? ']' : ')';
  return out;
}

Answer infinity(Algebra& algebra, bool positive) {
  Answer out;
  out.scalar = algebra.symbol("inf");
  if (!positive) out.scalar = algebra.negate(out.scalar);
  return out;
}

Answer relation(Answer left, std::string op, Answer right) {
  Answer out;
  out.kind = Kind::relation;
  out.items = {std::move(left), std::move(right)};
  out.text = std::move(op);
  return out;
}

// One inequality, turned so that it reads < or <=.
Answer inequality(Answer left, std::string op, Answer right, Algebra& algebra) {
  if (is_variable(right) && !is_variable(left)) {
    std::swap(left, right);
    op = mirrored(op);
  }
  const bool closed = op.ends_with('=');
  if (is_variable(left) && right.kind == Kind::scalar) {
    return is_less(op) ? interval(infinity(algebra, false), false, std::move(right), closed)
                       : interval(std::move(right), closed, infinity(algebra, true), false);
  }
  if (is_less(op)) return relation(std::move(left), op, std::move(right));
  return relation(std::move(right), mirrored(op), std::move(left));
}

// a < x < b or a > x > b.
std::optional<Answer> double_inequality(std::vector<Answer> operands, std::string first,
                                        std::string second) {
  if (is_less(first) != is_less(second) || !is_variable(operands[1])) return std::nullopt;
  if (!is_less(first)) {
    std::swap(operands[0], operands[2]);
    std::swap(first, second);
  }
  return interval(std::move(operands[0]), first.ends_with('='), std::move(operands[2]),
                  second.ends_with('='));
}

// The sum over its leading term; empty for 0.
Polynomial monic(const Polynomial& p) {
  Polynomial out;
  if (p.empty()) return out;
  const auto& [lead, factor] = *p.begin();
  for (const auto& [monomial, coefficient] : p) {
    Monomial quotient;
    size_t i = 0, j = 0;
    while (i < monomial.size() || j < lead.size()) {
      const int order = i == monomial.size() ? 1
                        : j == lead.size()   ? -1
                                             : monomial[i].atom->key.compare(lead[j].atom->key);
      Power power = order <= 0 ? monomial[i] : Power{lead[j].atom, -lead[j].exponent};
      if (order == 0) power.exponent -= lead[j].exponent;
      if (power.exponent != 0) quotient.push_back(std::move(power));
      i += order <= 0 ? 1 : 0;
      j += order >= 0 ? 1 : 0;
    }
    out.emplace(std::move(quotient), coefficient / factor);
  }
  return out;
}

}  // namespace

std::optional<Answer> relation_of(std::vector<Answer> operands, const std::vector<std::string>& ops,
                                  Algebra& algebra) {
  const auto all = [&](auto&& test) { return std::all_of(ops.begin(), ops.end(), test); };
  if (all([](const std::string& op) { return op == "="; })) {
    return relation(std::move(operands.front()), "=", std::move(operands.back()));
  }
  const auto is_inequality = [](const std::string& op) { return op[0] == '<' || op[0] == '>'; };
  if (ops.size() == 1) {
    if (ops[0] == "in") return std::move(operands[1]);
    if (is_inequality(ops[0])) {
      return inequality(std::move(operands[0]), ops[0], std::move(operands[1]), algebra);
    }
    return relation(std::move(operands[0]), ops[0], std::move(operands[1]));
  }
  if (ops.size() == 2 && all(is_inequality)) {
    return double_inequality(std::move(operands), ops[0], ops[1]);
  }
  return std::nullopt;
}

bool same_equation(const Scalar& left_a, const Scalar& right_a, const Scalar& left_b,
                   const Scalar& right_b) {
  Algebra algebra;
  const Scalar a = algebra.subtract(left_a, right_a);
  const Scalar b = algebra.subtract(left_b, right_b);
  if (algebra.failed()) return false;
  const Polynomial first = monic(a.numerator);
  const Polynomial second = monic(b.numerator);
  return std::equal(
      first.begin(), first.end(), second.begin(), second.end(), [](const auto& x, const auto& y) {
        const MonomialOrder before;
        return x.second == y.second && !before(x.first, y.first) && !before(y.first, x.first);
      });
}

}  // namespace hearth::math
