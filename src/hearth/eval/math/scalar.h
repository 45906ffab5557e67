// Exact arithmetic on what answers are made of: rationals, radicals, pi, e, i, symbols and
// functions of them. A value is a fraction of two sums of terms; a term is a rational times
// rational powers of atoms. Powers of primes, of i and of sums are reduced as soon as they are
// whole, so that equal numbers of Q(i, pi, roots of primes, symbols) have equal forms and a zero is
// an empty sum.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::math {

using Integer = boost::multiprecision::cpp_int;
using Rational = boost::multiprecision::cpp_rational;

struct Atom;
using AtomPtr = std::shared_ptr<const Atom>;

struct Power {
  AtomPtr atom;
  Rational exponent;  // never 0
};
using Monomial = std::vector<Power>;  // ordered by the atoms' keys, which differ

// The lexicographic order of exponents, the largest first: compatible with multiplication.
struct MonomialOrder {
  bool operator()(const Monomial& a, const Monomial& b) const;
};
using Polynomial = std::map<Monomial, Rational, MonomialOrder>;  // no zero coefficients

struct Scalar {
  Polynomial numerator;
  Polynomial denominator;  // never empty
};

enum class AtomKind {
  symbol,     // a variable, or anything that is only equal to itself
  pi,         //
  e,          //
  imaginary,  // i
  prime,      // `prime`: its exponents lie in [0, 1)
  sum,        // args[0], several terms over 1: its exponents are below 1
  power,      // args[0] to the power args[1], which is no rational number
  call,       // the function `name` of args
};

struct Atom {
  AtomKind kind = AtomKind::symbol;
  std::string key;  // tells atoms apart, and orders them
  std::string name;
  Integer prime;
  bool proven = true;  // of a prime: that it is one
  std::vector<Scalar> args;
};

// Operations within a bound of work. When the bound is passed, or a division by zero is met,
// `failed` stays true and results mean nothing.
class Algebra {
 public:
  bool failed() const { return failed_; }

  Scalar number(const Rational& value) const;
  Scalar constant(AtomKind kind) const;  // pi, e, imaginary
  Scalar symbol(std::string_view name) const;
  Scalar add(const Scalar& a, const Scalar& b);
  Scalar subtract(const Scalar& a, const Scalar& b) { return add(a, negate(b)); }
  Scalar negate(const Scalar& a) const;
  Scalar multiply(const Scalar& a, const Scalar& b);
  Scalar divide(const Scalar& a, const Scalar& b);
  Scalar power(const Scalar& base, const Scalar& exponent);
  // abs, floor, ceil, factorial and binomial of small numbers are worked out; other functions stay.
  Scalar call(std::string_view name, std::vector<Scalar> args);

 private:
  void fail() { failed_ = true; }
  void spend(int64_t steps);
  bool small_enough(const Rational& value);
  void accumulate(Polynomial& sum, const Polynomial& part);
  Polynomial add(const Polynomial& a, const Polynomial& b);
  Polynomial multiply(const Polynomial& a, const Polynomial& b);
  Polynomial multiply_terms(const Monomial& a, const Monomial& b, const Rational& coefficient);
  Polynomial whole_power(const Polynomial& base, int64_t exponent);
  Rational whole_power(const Rational& base, const Integer& exponent);
  Scalar rational_power(const Scalar& base, const Rational& exponent);
  Scalar number_power(const Rational& base, const Rational& exponent);
  Scalar sum_power(const Polynomial& base, const Rational& exponent);
  Scalar symbolic_power(const Scalar& base, const Scalar& exponent);
  Scalar power_term(const Scalar& base, const Monomial& exponent, const Rational& times);
  Scalar opaque_power(const Scalar& base, const Scalar& exponent);
  Scalar of_atom(AtomPtr atom, const Rational& exponent) const;
  Scalar reduced(Polynomial numerator, Polynomial denominator);
  std::vector<std::pair<AtomPtr, int64_t>> factor(Integer value);
  AtomPtr compound(AtomKind kind, std::string name, std::vector<Scalar> args);

  int64_t steps_left_ = 50'000;
  bool failed_ = false;
};

bool is_zero(const Scalar& a);
std::optional<Rational> as_rational(const Scalar& a);
// The name of a value that is one symbol alone; "" otherwise.
std::string as_symbol(const Scalar& a);
// True where unequal forms mean unequal values: no sums under roots, functions, symbolic powers.
bool is_canonical(const Scalar& a);
// The text that names a value: equal forms have equal keys.
std::string key_of(const Scalar& a);

}  // namespace hearth::math
