// See scalar.h.
#include "hearth/eval/math/scalar.h"

#include <algorithm>

namespace hearth::math {
namespace {

constexpr int64_t kBitsMax = 16'384;      // of a numerator or denominator
constexpr size_t kKeyBytesMax = 2'048;    // of an atom; bounds the tree below it
constexpr size_t kTermsMax = 2'000;       // of a sum
constexpr int64_t kSumExponentMax = 64;   // (a + b)^n is multiplied out up to here
constexpr int kTrialDivisorMax = 4'096;   // primes below its square are proven
constexpr int64_t kFactorialMax = 1'000;  // n! and binomials are worked out up to here

int64_t bits_of(const Integer& value) {
  return value == 0 ? 1 : static_cast<int64_t>(msb(abs(value))) + 1;
}

// Machine words of the longer part.
int64_t limbs_of(const Rational& value) {
  return std::max(bits_of(numerator(value)), bits_of(denominator(value))) / 64 + 1;
}

Integer floor_of(const Rational& value) {
  const Integer quotient = numerator(value) / denominator(value);
  return value < quotient ? quotient - 1 : quotient;
}

AtomPtr simple_atom(AtomKind kind, std::string key, std::string_view name) {
  auto atom = std::make_shared<Atom>();
  atom->kind = kind;
  atom->key = std::move(key);
  atom->name = name;
  return atom;
}

AtomPtr prime_atom(const Integer& prime, bool proven) {
  auto atom = std::make_shared<Atom>();
  atom->kind = AtomKind::prime;
  atom->key = "#" + prime.str();
  atom->prime = prime;
  atom->proven = proven;
  return atom;
}

// Both lists of powers as one, exponents of the same atom added.
Monomial merged(const Monomial& a, const Monomial& b) {
  Monomial out;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const int order = i == a.size()   ? 1
                      : j == b.size() ? -1
                                      : a[i].atom->key.compare(b[j].atom->key);
    if (order < 0) {
      out.push_back(a[i++]);
    } else if (order > 0) {
      out.push_back(b[j++]);
    } else {
      const Rational exponent = a[i].exponent + b[j].exponent;
      if (exponent != 0) out.push_back({a[i].atom, exponent});
      ++i, ++j;
    }
  }
  return out;
}

Polynomial one_term(Monomial monomial, const Rational& coefficient) {
  Polynomial out;
  if (coefficient != 0) out.emplace(std::move(monomial), coefficient);
  return out;
}

Polynomial constant_sum(const Rational& value) {
  return one_term({}, value);
}

bool is_one(const Polynomial& p) {
  return p.size() == 1 && p.begin()->first.empty() && p.begin()->second == 1;
}

std::string key_of(const Polynomial& p) {
  std::string out;
  for (const auto& [monomial, coefficient] : p) {
    if (!out.empty()) out += '+';
    out += coefficient.str();
    for (const Power& power : monomial) {
      out += '*' + power.atom->key;
      if (power.exponent != 1) out += '^' + power.exponent.str();
    }
  }
  return out;
}

bool is_canonical(const Polynomial& p) {
  for (const auto& [monomial, coefficient] : p) {
    for (const Power& power : monomial) {
      const AtomKind kind = power.atom->kind;
      const bool opaque =
          kind == AtomKind::sum || kind == AtomKind::power || kind == AtomKind::call;
      const bool root_of_i = kind == AtomKind::imaginary && power.exponent != 1;
      if (opaque || root_of_i || !power.atom->proven) return false;
    }
  }
  return true;
}

}  // namespace

bool MonomialOrder::operator()(const Monomial& a, const Monomial& b) const {
  for (size_t i = 0;; ++i) {
    if (i == a.size() || i == b.size()) {
      // What is left of the longer one stands against exponents of 0.
      if (i < a.size()) return a[i].exponent > 0;
      return i < b.size() && b[i].exponent < 0;
    }
    const int order = a[i].atom->key.compare(b[i].atom->key);
    if (order < 0) return a[i].exponent > 0;
    if (order > 0) return b[i].exponent < 0;
    if (a[i].exponent != b[i].exponent) return a[i].exponent > b[i].exponent;
  }
}

void Algebra::spend(int64_t steps) {
  steps_left_ -= steps;
  if (steps_left_ < 0) fail();
}

bool Algebra::small_enough(const Rational& value) {
  const bool small =
      bits_of(numerator(value)) <= kBitsMax && bits_of(denominator(value)) <= kBitsMax;
  if (!small) fail();
  return small;
}

Scalar Algebra::number(const Rational& value) const {
  return {constant_sum(value), constant_sum(1)};
}

Scalar Algebra::of_atom(AtomPtr atom, const Rational& exponent) const {
  return {one_term({{std::move(atom), exponent}}, 1), constant_sum(1)};
}

Scalar Algebra::constant(AtomKind kind) const {
  const std::string key = kind == AtomKind::pi ? "~pi" : kind == AtomKind::e ? "~e" : "~i";
  return of_atom(simple_atom(kind, key, key), 1);
}

Scalar Algebra::symbol(std::string_view name) const {
  return of_atom(simple_atom(AtomKind::symbol, "$" + std::string(name), name), 1);
}

AtomPtr Algebra::compound(AtomKind kind, std::string name, std::vector<Scalar> args) {
  auto atom = std::make_shared<Atom>();
  atom->kind = kind;
  atom->key = (kind == AtomKind::sum ? "sum" : kind == AtomKind::power ? "pow" : name) + "(";
  for (const Scalar& arg : args) atom->key += key_of(arg) + ";";
  atom->key += ')';
  if (atom->key.size() > kKeyBytesMax) fail();
  atom->name = std::move(name);
  atom->args = std::move(args);
  return atom;
}

void Algebra::accumulate(Polynomial& sum, const Polynomial& part) {
  spend(static_cast<int64_t>(part.size()));
  for (const auto& [monomial, coefficient] : part) {
    const auto [at, fresh] = sum.emplace(monomial, coefficient);
    if (!fresh) at->second += coefficient;
    if (!small_enough(at->second)) return;
    if (at->second == 0) sum.erase(at);
  }
  if (sum.size() > kTermsMax) fail();
}

Polynomial Algebra::add(const Polynomial& a, const Polynomial& b) {
  Polynomial out = a;
  accumulate(out, b);
  return out;
}

// The product of two terms, with whole powers of primes, of i and of sums worked out.
Polynomial Algebra::multiply_terms(const Monomial& a, const Monomial& b,
                                   const Rational& coefficient) {
  Rational factor = coefficient;
  Monomial left;
  Polynomial sums = constant_sum(1);
  for (Power& power : merged(a, b)) {
    const Integer whole = floor_of(power.exponent);
    if (power.atom->kind == AtomKind::prime) {
      factor *= whole_power(Rational(power.atom->prime), whole);
      power.exponent -= whole;
    } else if (power.atom->kind == AtomKind::imaginary) {
      const Integer halves = floor_of(power.exponent / 2);  // i^2 = -1
      if (halves % 2 != 0) factor = -factor;
      power.exponent -= 2 * halves;
    } else if (power.atom->kind == AtomKind::sum && whole >= 1) {
      if (whole > kSumExponentMax) fail();
      if (failed_) return {};
      const Polynomial& base = power.atom->args[0].numerator;
      sums = multiply(sums, whole_power(base, whole.convert_to<int64_t>()));
      power.exponent -= whole;
    }
    if (failed_ || !small_enough(power.exponent)) return {};
    if (power.exponent != 0) left.push_back(std::move(power));
  }
  if (!small_enough(factor)) return {};
  Polynomial out = one_term(std::move(left), factor);
  return is_one(sums) ? out : multiply(out, sums);
}

Polynomial Algebra::multiply(const Polynomial& a, const Polynomial& b) {
  Polynomial out;
  for (const auto& [left, left_factor] : a) {
    for (const auto& [right, right_factor] : b) {
      spend(1 + static_cast<int64_t>(left.size() + right.size()));
      spend(limbs_of(left_factor) * limbs_of(right_factor) / 16);
      if (failed_) return {};
      accumulate(out, multiply_terms(left, right, left_factor * right_factor));
    }
  }
  return out;
}

Polynomial Algebra::whole_power(const Polynomial& base, int64_t exponent) {
  Polynomial out = constant_sum(1);
  for (int64_t i = 0; i < exponent && !failed_; ++i) out = multiply(out, base);
  return out;
}

Rational Algebra::whole_power(const Rational& base, const Integer& exponent) {
  if (exponent == 0) return 1;
  if (base == 0 && exponent < 0) fail();
  const int64_t bits = std::max(bits_of(numerator(base)), bits_of(denominator(base)));
  if (abs(exponent) * bits > 2 * kBitsMax) fail();
  if (failed_) return 1;
  const auto n = abs(exponent).convert_to<unsigned>();
  spend(bits * n / 64);
  const Integer top = pow(numerator(base), n);
  const Integer bottom = pow(denominator(base), n);
  return exponent > 0 ? Rational(top, bottom) : Rational(bottom, top);
}

// A denominator of one term goes into the numerator, but for roots of sums, which cancel only where
// they meet themselves.
Scalar Algebra::reduced(Polynomial numerator, Polynomial denominator) {
  if (denominator.empty()) fail();
  if (failed_) return number(0);
  if (denominator.size() > 1 || is_one(denominator)) {
    return {std::move(numerator), std::move(denominator)};
  }
  const auto& [monomial, coefficient] = *denominator.begin();
  Monomial inverse, stays;
  for (const Power& power : monomial) {
    if (power.atom->kind == AtomKind::sum) {
      stays.push_back(power);
    } else {
      inverse.push_back({power.atom, -power.exponent});
    }
  }
  Polynomial factor = one_term(std::move(inverse), 1 / coefficient);
  return {multiply(numerator, factor), one_term(std::move(stays), 1)};
}

Scalar Algebra::add(const Scalar& a, const Scalar& b) {
  if (failed_) return number(0);
  if (key_of(a.denominator) == key_of(b.denominator)) {
    return reduced(add(a.numerator, b.numerator), a.denominator);
  }
  return reduced(add(multiply(a.numerator, b.denominator), multiply(b.numerator, a.denominator)),
                 multiply(a.denominator, b.denominator));
}

Scalar Algebra::negate(const Scalar& a) const {
  Scalar out = a;
  for (auto& [monomial, coefficient] : out.numerator) coefficient = -coefficient;
  return out;
}

Scalar Algebra::multiply(const Scalar& a, const Scalar& b) {
  if (failed_) return number(0);
  return reduced(multiply(a.numerator, b.numerator), multiply(a.denominator, b.denominator));
}

Scalar Algebra::divide(const Scalar& a, const Scalar& b) {
  if (failed_) return number(0);
  return reduced(multiply(a.numerator, b.denominator), multiply(a.denominator, b.numerator));
}

bool is_zero(const Scalar& a) {
  return a.numerator.empty();
}

std::optional<Rational> as_rational(const Scalar& a) {
  if (!is_one(a.denominator) || a.numerator.size() > 1) return std::nullopt;
  if (a.numerator.empty()) return Rational(0);
  const auto& [monomial, coefficient] = *a.numerator.begin();
  if (!monomial.empty()) return std::nullopt;
  return coefficient;
}

std::string as_symbol(const Scalar& a) {
  if (!is_one(a.denominator) || a.numerator.size() != 1) return "";
  const auto& [monomial, coefficient] = *a.numerator.begin();
  if (coefficient != 1 || monomial.size() != 1 || monomial[0].exponent != 1) return "";
  return monomial[0].atom->kind == AtomKind::symbol ? monomial[0].atom->name : "";
}

bool is_canonical(const Scalar& a) {
  return is_canonical(a.numerator) && is_canonical(a.denominator);
}

std::string key_of(const Scalar& a) {
  const std::string top = key_of(a.numerator);
  return is_one(a.denominator) ? top : "(" + top + ")/(" + key_of(a.denominator) + ")";
}

// --- Powers --------------------------------------------------------------------------------------

std::vector<std::pair<AtomPtr, int64_t>> Algebra::factor(Integer value) {
  std::vector<std::pair<AtomPtr, int64_t>> out;
  spend(1'000);
  for (int divisor = 2; divisor <= kTrialDivisorMax && !failed_; ++divisor) {
    if (Integer(divisor) * divisor > value) break;
    int64_t times = 0;
    for (; value % divisor == 0; ++times) value /= divisor;
    if (times > 0) out.emplace_back(prime_atom(divisor, true), times);
  }
  if (value == 1) return out;
  const bool proven = value < Integer(kTrialDivisorMax) * kTrialDivisorMax;
  const Integer root = sqrt(value);
  const bool square = root * root == value;
  out.emplace_back(prime_atom(square ? root : value, proven), square ? 2 : 1);
  return out;
}

// Negative bases: an odd root is real, an even one is a power of i.
Scalar Algebra::number_power(const Rational& base, const Rational& exponent) {
  if (denominator(exponent) == 1) {
    const int64_t bits = std::max(bits_of(numerator(base)), bits_of(denominator(base)));
    if (abs(numerator(exponent)) * bits > kBitsMax) {
      return opaque_power(number(base), number(exponent));
    }
    return number(whole_power(base, numerator(exponent)));
  }
  if (base == 0) {
    if (exponent < 0) fail();
    return number(0);
  }
  Scalar out = number(1);
  for (const auto& [atom, times] : factor(abs(numerator(base)))) {
    out = multiply(out, of_atom(atom, exponent * times));
  }
  for (const auto& [atom, times] : factor(denominator(base))) {
    out = multiply(out, of_atom(atom, exponent * -times));
  }
  if (base > 0) return out;
  if (denominator(exponent) % 2 != 0) {
    return numerator(exponent) % 2 == 0 ? out : negate(out);
  }
  const Scalar i =
      of_atom(constant(AtomKind::imaginary).numerator.begin()->first[0].atom, exponent * 2);
  return multiply(out, i);
}

Scalar Algebra::sum_power(const Polynomial& base, const Rational& exponent) {
  const Scalar whole{base, constant_sum(1)};
  if (denominator(exponent) == 1) {
    if (abs(numerator(exponent)) > kSumExponentMax) return opaque_power(whole, number(exponent));
    const auto n = numerator(exponent).convert_to<int64_t>();
    Polynomial raised = whole_power(base, n < 0 ? -n : n);
    if (n >= 0) return reduced(std::move(raised), constant_sum(1));
    return reduced(constant_sum(1), std::move(raised));
  }
  const AtomPtr atom = compound(AtomKind::sum, "sum", {whole});
  const Scalar positive = multiply(number(1), of_atom(atom, abs(exponent)));
  return exponent > 0 ? positive : divide(number(1), positive);
}

Scalar Algebra::rational_power(const Scalar& base, const Rational& exponent) {
  if (exponent == 0) return number(1);
  const auto part = [&](const Polynomial& p) {
    if (p.empty()) return number_power(0, exponent);
    if (p.size() > 1) return sum_power(p, exponent);
    const auto& [monomial, coefficient] = *p.begin();
    Monomial raised;
    for (const Power& power : monomial) {
      raised.push_back({power.atom, power.exponent * exponent});
    }
    const Scalar atoms = reduced(multiply_terms(raised, {}, 1), constant_sum(1));
    return multiply(number_power(coefficient, exponent), atoms);
  };
  if (is_one(base.denominator)) return part(base.numerator);
  return divide(part(base.numerator), part(base.denominator));
}

Scalar Algebra::opaque_power(const Scalar& base, const Scalar& exponent) {
  return of_atom(compound(AtomKind::power, "pow", {base, exponent}), 1);
}

// base^(times * exponent), `exponent` a product of atoms: powers of one base meet in one atom.
Scalar Algebra::power_term(const Scalar& base, const Monomial& exponent, const Rational& times) {
  const Scalar symbolic{one_term(exponent, 1), constant_sum(1)};
  const auto atom_of = [&](const Scalar& part) {
    return compound(AtomKind::power, "pow", {part, symbolic});
  };
  const std::optional<Rational> value = as_rational(base);
  if (!value || *value <= 0) return of_atom(atom_of(base), times);
  Scalar out = number(1);
  const auto take = [&](const Integer& whole, int sign) {
    for (const auto& [prime, count] : factor(whole)) {
      out = multiply(out, of_atom(atom_of(number(Rational(prime->prime))), times * count * sign));
    }
  };
  take(numerator(*value), 1);
  take(denominator(*value), -1);
  return out;
}

Scalar Algebra::symbolic_power(const Scalar& base, const Scalar& exponent) {
  if (!is_one(exponent.denominator)) return opaque_power(base, exponent);
  Scalar out = number(1);
  for (const auto& [monomial, coefficient] : exponent.numerator) {
    if (failed_) break;
    out = multiply(out, monomial.empty() ? rational_power(base, coefficient)
                                         : power_term(base, monomial, coefficient));
  }
  return out;
}

Scalar Algebra::power(const Scalar& base, const Scalar& exponent) {
  if (failed_) return number(0);
  const std::optional<Rational> rational = as_rational(exponent);
  return rational ? rational_power(base, *rational) : symbolic_power(base, exponent);
}

// --- Functions -----------------------------------------------------------------------------------

Scalar Algebra::call(std::string_view name, std::vector<Scalar> args) {
  if (failed_) return number(0);
  std::vector<Rational> values;
  for (const Scalar& arg : args) {
    if (const auto value = as_rational(arg)) values.push_back(*value);
  }
  if (values.size() == args.size()) {
    if (name == "abs") return number(abs(values[0]));
    if (name == "floor") return number(Rational(floor_of(values[0])));
    if (name == "ceil") return number(Rational(-floor_of(-values[0])));
    const bool whole = std::all_of(values.begin(), values.end(), [](const Rational& v) {
      return denominator(v) == 1 && v >= 0 && v <= kFactorialMax;
    });
    if (whole && name == "factorial") {
      Integer product = 1;
      for (int i = 2; i <= values[0]; ++i) product *= i;
      return number(Rational(product));
    }
    if (whole && name == "binomial" && values[1] <= values[0]) {
      Integer product = 1;
      for (int i = 1; i <= values[1]; ++i) product = product * (numerator(values[0]) - i + 1) / i;
      return number(Rational(product));
    }
  }
  spend(100);
  return of_atom(compound(AtomKind::call, std::string(name), std::move(args)), 1);
}

}  // namespace hearth::math
