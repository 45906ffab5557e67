// See equivalence.h. An answer has up to four readings (what a comma and a percent sign mean); two
// answers are the same when a reading of one is the same as a reading of the other.
#include "hearth/eval/math/equivalence.h"

#include <algorithm>

#include "hearth/eval/math/answer.h"
#include "hearth/eval/math/digits.h"
#include "hearth/eval/math/numeric.h"
#include "hearth/eval/math/relations.h"

namespace hearth::math {
namespace {

using Kind = Answer::Kind;

constexpr int kComparisonsMax = 2'000;
constexpr int kNumericMax = 40;  // comparisons by value, the slow ones

class Comparison {
 public:
  bool same(const Answer& a, const Answer& b) {
    if (++comparisons_ > kComparisonsMax) return false;
    if (a.kind == b.kind) return same_kind(a, b);
    if (a.kind == Kind::relation) return same_side(a, b);
    if (b.kind == Kind::relation) return same_side(b, a);
    if (is_collection(a) && is_collection(b)) return same_elements(a.items, b.items);
    if (is_collection(a) && a.items.size() == 1) return same(a.items[0], b);
    if (is_collection(b) && b.items.size() == 1) return same(a, b.items[0]);
    const bool point = (a.kind == Kind::ordered && b.kind == Kind::list) ||
                       (a.kind == Kind::list && b.kind == Kind::ordered);
    return point && same_sequence(a.items, b.items);
  }

 private:
  static bool is_collection(const Answer& a) {
    return a.kind == Kind::list || a.kind == Kind::set || a.kind == Kind::union_of;
  }

  bool same_kind(const Answer& a, const Answer& b) {
    switch (a.kind) {
      case Kind::scalar:
        return same_scalar(a.scalar, b.scalar);
      case Kind::list:
      case Kind::set:
      case Kind::union_of:
        return same_elements(a.items, b.items);
      case Kind::ordered: {
        const bool brackets = a.open == b.open && a.close == b.close;
        return (brackets || a.items.size() != 2) && same_sequence(a.items, b.items);
      }
      case Kind::matrix:
        return a.columns == b.columns && same_sequence(a.items, b.items);
      case Kind::relation:
        return same_relation(a, b);
      case Kind::words:
        return a.text == b.text;
    }
    return false;
  }

  bool same_scalar(const Scalar& a, const Scalar& b) {
    Algebra algebra;
    if (is_zero(algebra.subtract(a, b)) && !algebra.failed()) return true;
    if (!algebra.failed() && is_canonical(a) && is_canonical(b)) return false;
    return ++numeric_ <= kNumericMax && agree_numerically(a, b);
  }

  bool same_sequence(const std::vector<Answer>& a, const std::vector<Answer>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](const Answer& x, const Answer& y) { return same(x, y); });
  }

  // Sameness is an equivalence, so that matching greedily finds a matching if there is one.
  bool same_elements(const std::vector<Answer>& a, const std::vector<Answer>& b) {
    const std::vector<const Answer*> left = distinct(a);
    std::vector<const Answer*> right = distinct(b);
    if (left.size() != right.size()) return false;
    for (const Answer* item : left) {
      const auto found = std::find_if(right.begin(), right.end(),
                                      [&](const Answer* other) { return same(*item, *other); });
      if (found == right.end()) return false;
      right.erase(found);
    }
    return true;
  }

  std::vector<const Answer*> distinct(const std::vector<Answer>& items) {
    std::vector<const Answer*> out;
    for (const Answer& item : items) {
      const bool seen = std::any_of(out.begin(), out.end(),
                                    [&](const Answer* other) { return same(item, *other); });
      if (!seen) out.push_back(&item);
    }
    return out;
  }

  bool same_relation(const Answer& a, const Answer& b) {
    if (a.text != b.text) return false;
    if (same(a.items[0], b.items[0]) && same(a.items[1], b.items[1])) return true;
    const bool symmetric = a.text == "=" || a.text == "!=";
    if (!symmetric) return false;
    for (const Answer* relation : {&a, &b}) {
      for (const Answer& side : relation->items) {
        if (side.kind != Kind::scalar) return false;
      }
    }
    return same_equation(a.items[0].scalar, a.items[1].scalar, b.items[0].scalar,
                         b.items[1].scalar);
  }

  // "x = 5" beside "5": the side that isn't a label.
  bool same_side(const Answer& relation, const Answer& value) {
    if (relation.text != "=") return false;
    if (is_label(relation.items[0])) return same(relation.items[1], value);
    return is_label(relation.items[1]) && same(relation.items[0], value);
  }

  // A name: words, a variable, one at arguments (f(x)) or a point of such. Not pi, e or i.
  static bool is_label(const Answer& a) {
    if (a.kind == Kind::words) return true;
    if (a.kind == Kind::ordered) return std::all_of(a.items.begin(), a.items.end(), is_label);
    if (a.kind != Kind::scalar || a.scalar.numerator.size() != 1) return false;
    const auto& [monomial, coefficient] = *a.scalar.numerator.begin();
    return coefficient == 1 && !monomial.empty() && a.scalar.denominator.size() == 1 &&
           std::all_of(monomial.begin(), monomial.end(), [](const Power& p) {
             return p.atom->kind == AtomKind::symbol && p.exponent == 1;
           });
  }

  int comparisons_ = 0;
  int numeric_ = 0;
};

enum class Percent { absent, hundredth, looks };
struct Reading {
  Answer value;
  Percent percent;
};

std::vector<Reading> readings(std::string_view text) {
  std::vector<Reading> out;
  for (const bool join : {true, false}) {
    if (!join && text.find(',') == text.npos && text.find("，") == text.npos) continue;
    auto parsed = parse_answer(text, {join, true});
    if (!parsed) continue;
    const bool percent = parsed->has_percent;
    out.push_back({std::move(parsed->value), percent ? Percent::hundredth : Percent::absent});
    if (!percent) continue;
    auto plain = parse_answer(text, {join, false});
    if (plain) out.push_back({std::move(plain->value), Percent::looks});
  }
  return out;
}

// 1% is 0.01 or 1, but never 100%.
bool may_meet(Percent a, Percent b) {
  return a == b || a == Percent::absent || b == Percent::absent;
}

// Without spaces, $ and a full stop: what is left to compare of texts that nobody can parse.
std::string bare(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) > ' ' && c != '$') out += c;
  }
  if (out.ends_with('.')) out.pop_back();
  return out;
}

}  // namespace

bool equivalent(std::string_view written_reference, std::string_view written_candidate) {
  const std::string reference = ascii_digits(written_reference);
  const std::string candidate = ascii_digits(written_candidate);
  const std::string left = bare(reference);
  if (left.empty()) return false;
  if (left == bare(candidate)) return true;
  const std::vector<Reading> references = readings(reference);
  if (references.empty()) return false;
  const std::vector<Reading> candidates = readings(candidate);
  for (const Reading& a : references) {
    for (const Reading& b : candidates) {
      if (may_meet(a.percent, b.percent) && Comparison().same(a.value, b.value)) return true;
    }
  }
  return false;
}

}  // namespace hearth::math
