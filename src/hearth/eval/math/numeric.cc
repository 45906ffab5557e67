// See numeric.h. Boost's exceptions (a pole, a domain) end here.
#include "hearth/eval/math/numeric.h"

#include <boost/multiprecision/cpp_complex.hpp>
#include <exception>
#include <limits>

#include "hearth/base/random.h"

namespace hearth::math {
namespace {

using Real = boost::multiprecision::cpp_bin_float_50;
using Complex = boost::multiprecision::cpp_complex_50;

constexpr int kPoints = 3;
constexpr int kAtomsMax = 20'000;     // looked at for one value
constexpr double kExponentMax = 1e6;  // of powers and of e
constexpr double kAngleMax = 1e12;    // digits of larger ones are lost in the reduction

Complex undefined() {
  return Complex(std::numeric_limits<Real>::quiet_NaN());
}

// By its name: the variable's value in (0.5, 2.5) at each point.
Real value_at(std::string_view name, int point) {
  const uint64_t hash = fnv1a(name, kFnvStart + static_cast<uint64_t>(point));
  return Real(hash % 1'000'003) / 500'000 + Real(1) / 2;
}

class Evaluation {
 public:
  explicit Evaluation(int point) : point_(point) {}

  Complex value(const Scalar& scalar) {
    const Complex bottom = value(scalar.denominator);
    return bottom == 0 ? undefined() : Complex(value(scalar.numerator) / bottom);
  }

 private:
  Complex value(const Polynomial& p) {
    Complex sum = 0;
    for (const auto& [monomial, coefficient] : p) {
      Complex term = Complex(Real(numerator(coefficient)) / Real(denominator(coefficient)));
      for (const Power& power : monomial) term *= value(power);
      sum += term;
    }
    return sum;
  }

  Complex value(const Power& p) {
    if (++atoms_ > kAtomsMax) return undefined();
    return raised(value(*p.atom), p.exponent);
  }

  // A negative real under an odd root gives the real root, as the exact arithmetic has it.
  Complex raised(const Complex& base, const Rational& exponent) {
    if (exponent == 1) return base;
    if (base == 0) return exponent > 0 ? Complex(0) : undefined();
    if (abs(exponent) > kExponentMax) return undefined();
    const Real e = Real(numerator(exponent)) / Real(denominator(exponent));
    if (base.imag() == 0 && base.real() < 0 && denominator(exponent) % 2 != 0) {
      const Real size = pow(Real(-base.real()), e);
      return Complex(numerator(exponent) % 2 == 0 ? size : Real(-size));
    }
    if (base.imag() == 0 && base.real() > 0) return Complex(pow(Real(base.real()), e));
    return pow(base, Complex(e));
  }

  Complex value(const Atom& atom) {
    switch (atom.kind) {
      case AtomKind::symbol:
        return Complex(value_at(atom.name, point_));
      case AtomKind::pi:
        return Complex(boost::math::constants::pi<Real>());
      case AtomKind::e:
        return Complex(boost::math::constants::e<Real>());
      case AtomKind::imaginary:
        return Complex(0, 1);
      case AtomKind::prime:
        return Complex(Real(atom.prime));
      case AtomKind::sum:
        return value(atom.args[0]);
      case AtomKind::power:
        return general_power(value(atom.args[0]), value(atom.args[1]));
      case AtomKind::call:
        return atom.args.size() == 1 ? call(atom.name, value(atom.args[0])) : undefined();
    }
    return undefined();
  }

  Complex general_power(const Complex& base, const Complex& exponent) {
    if (base == 0 || abs(exponent) > kExponentMax) return undefined();
    if (base.imag() == 0 && base.real() > 0 && exponent.imag() == 0) {
      return Complex(pow(Real(base.real()), Real(exponent.real())));
    }
    return exp(Complex(exponent * log(base)));
  }

  Complex call(std::string_view name, const Complex& x) {
    if (abs(x) > kAngleMax && name != "ln" && name != "abs") return undefined();
    if (name == "sin") return sin(x);
    if (name == "cos") return cos(x);
    if (name == "tan") return sin(x) / cos(x);
    if (name == "cot") return cos(x) / sin(x);
    if (name == "sec") return 1 / cos(x);
    if (name == "csc") return 1 / sin(x);
    if (name == "arcsin") return asin(x);
    if (name == "arccos") return acos(x);
    if (name == "arctan") return atan(x);
    if (name == "sinh") return (exp(x) - exp(Complex(-x))) / 2;
    if (name == "cosh") return (exp(x) + exp(Complex(-x))) / 2;
    if (name == "ln") return x == 0 ? undefined() : Complex(log(x));
    if (name == "abs") return Complex(abs(x));
    if (name == "floor" && x.imag() == 0) return Complex(floor(Real(x.real())));
    if (name == "ceil" && x.imag() == 0) return Complex(ceil(Real(x.real())));
    return undefined();
  }

  int point_;
  int atoms_ = 0;
};

bool close(const Complex& a, const Complex& b) {
  const Real gap = abs(Complex(a - b));
  const Real size = 1 + abs(a) + abs(b);
  // Written so that a NaN or an infinity fails it.
  return size < Real("1e1000000") && gap <= size * Real("1e-30");
}

}  // namespace

bool agree_numerically(const Scalar& a, const Scalar& b) {
  try {
    for (int point = 0; point < kPoints; ++point) {
      if (!close(Evaluation(point).value(a), Evaluation(point).value(b))) return false;
    }
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace hearth::math
