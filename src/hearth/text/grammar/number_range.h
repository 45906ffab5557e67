// Numbers between bounds as expressions over their digits. Written plainly, without an exponent.
#pragma once

#include <optional>
#include <string>

#include "hearth/text/grammar/automaton.h"
#include "hearth/text/grammar/expression.h"

namespace hearth::grammar {

inline constexpr int64_t kDigitsOfFractionMax = 15;
inline constexpr int64_t kMultipleMax = 1000;

// A bound in decimal digits, as a schema's text has it.
struct Decimal {
  bool negative = false;
  int64_t whole = 0;     // its size before the point
  std::string fraction;  // digits after the point, without zeros at the end

  bool operator==(const Decimal&) const = default;
};

struct Bound {
  double value = 0;  // to compare with
  Decimal decimal;
  bool exclusive = false;
};

struct NumberBounds {
  std::optional<Bound> low, high;
  bool within_64_bits = false;  // a bound lies beyond them, and lets all of them through
  std::optional<int64_t> multiple_of;

  bool none() const { return !low && !high && !within_64_bits && !multiple_of; }
};

// unsupported: more digits before or after the point than can be compared exactly.
Result<Decimal> to_decimal(double value);

// Integers, at most those of 64 bits. unsupported: multiple_of is too large.
Result<ExprId> integers_between(const NumberBounds& bounds, Grammar& grammar);
// Decimal numbers of at most 15 digits, so that a reader in double sees them on the same side of
// each bound.
Result<ExprId> numbers_between(const NumberBounds& bounds, Grammar& grammar);

}  // namespace hearth::grammar
