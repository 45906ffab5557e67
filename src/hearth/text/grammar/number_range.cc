// See number_range.h. Bounds are compared as texts of digits: numbers of equal length are ordered
// as their digits are.
#include "hearth/text/grammar/number_range.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace hearth::grammar {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr int64_t kExactDigits = 15;   // of a double
constexpr int64_t kUsualFraction = 6;  // digits after the point
constexpr int64_t kStatesMax = 20'000;

ExprId digit(Grammar& g, char first, char last) {
  return g.character({{static_cast<uint32_t>(first), static_cast<uint32_t>(last)}});
}

ExprId digits(Grammar& g, int64_t min, int64_t max) {
  return g.repeat(digit(g, '0', '9'), min, max);
}

// Texts of as many digits as `a` and `b` have, from a to b.
ExprId between_digits(Grammar& g, std::string_view a, std::string_view b) {
  if (a == b) return g.literal(a);
  const bool all = a.find_first_not_of('0') == a.npos && b.find_first_not_of('9') == b.npos;
  if (all) return digits(g, std::ssize(a), std::ssize(a));
  const auto rest = static_cast<int64_t>(a.size()) - 1;
  if (a[0] == b[0]) {
    return g.sequence({g.literal(a.substr(0, 1)), between_digits(g, a.substr(1), b.substr(1))});
  }
  std::vector<ExprId> ways;
  const std::string nines(static_cast<size_t>(rest), '9'), zeros(static_cast<size_t>(rest), '0');
  ways.push_back(g.sequence({g.literal(a.substr(0, 1)), between_digits(g, a.substr(1), nines)}));
  if (b[0] - a[0] > 1) {
    ways.push_back(g.sequence({digit(g, static_cast<char>(a[0] + 1), static_cast<char>(b[0] - 1)),
                               digits(g, rest, rest)}));
  }
  ways.push_back(g.sequence({g.literal(b.substr(0, 1)), between_digits(g, zeros, b.substr(1))}));
  return g.choice(std::move(ways));
}

// 0 <= low; nothing where high is less.
ExprId naturals(Grammar& g, int64_t low, int64_t high) {
  std::vector<ExprId> ways;
  while (low <= high) {
    const std::string first = fmt::format("{}", low);
    const std::string nines(first.size(), '9');
    const std::string highest = fmt::format("{}", high);
    const bool last = highest.size() == first.size();
    ways.push_back(between_digits(g, first, last ? highest : nines));
    if (last) break;
    low = static_cast<int64_t>(std::stoull(nines)) + 1;  // shorter than `high`: no overflow
  }
  return g.choice(std::move(ways));
}

// The least integer that the bound allows, and the largest.
int64_t least(const Bound& b) {
  const bool between = !b.decimal.fraction.empty();
  const int64_t whole = b.decimal.negative ? -b.decimal.whole : b.decimal.whole;
  const bool up = between ? !b.decimal.negative : b.exclusive;
  return up ? whole + 1 : whole;
}

int64_t largest(const Bound& b) {
  const bool between = !b.decimal.fraction.empty();
  const int64_t whole = b.decimal.negative ? -b.decimal.whole : b.decimal.whole;
  const bool down = between ? b.decimal.negative : b.exclusive;
  return down ? whole - 1 : whole;
}

// All decimal texts of multiples of `divisor`: states are remainders.
ByteDfa multiples(int64_t divisor) {
  const auto after = [&](int64_t remainder, int64_t d) {
    return static_cast<int32_t>(3 + (remainder * 10 + d) % divisor);
  };
  ByteDfa dfa;
  dfa.states.resize(static_cast<size_t>(3 + divisor));  // start, after -, 0, then remainders
  dfa.states[2].accepts = true;
  dfa.states[0].arcs.push_back({'-', '-', 1});
  for (size_t from : {size_t{0}, size_t{1}}) {
    dfa.states[from].arcs.push_back({'0', '0', 2});
    for (uint8_t d = 1; d <= 9; ++d) {
      const auto byte = static_cast<uint8_t>('0' + d);
      dfa.states[from].arcs.push_back({byte, byte, after(0, d)});
    }
  }
  for (int64_t r = 0; r < divisor; ++r) {
    ByteDfa::State& state = dfa.states[static_cast<size_t>(3 + r)];
    state.accepts = r == 0;
    for (uint8_t d = 0; d <= 9; ++d) {
      const auto byte = static_cast<uint8_t>('0' + d);
      state.arcs.push_back({byte, byte, after(r, d)});
    }
  }
  return dfa;
}

// Fractions, point included, none for zero; up to `room` digits.
class Fractions {
 public:
  Fractions(Grammar& grammar, int64_t room) : g_(grammar), room_(room) {}

  ExprId any() { return g_.optional(pointed(digits(g_, 1, room_))); }

  // At least 0.`low`, or more than it.
  ExprId at_least(std::string_view low, bool exclusive) {
    if (low.empty() && !exclusive) return any();
    return pointed(more(low, exclusive, room_));
  }

  // At most 0.`high`, or less than it.
  ExprId at_most(std::string_view high, bool exclusive) {
    if (high.empty()) {
      return exclusive ? g_.nothing() : g_.optional(pointed(zeros(1, room_)));
    }
    return g_.optional(pointed(less(high, exclusive, room_)));
  }

 private:
  ExprId pointed(ExprId after) { return g_.sequence({g_.literal("."), after}); }
  ExprId zeros(int64_t min, int64_t max) { return g_.repeat(digit(g_, '0', '0'), min, max); }

  ExprId more(std::string_view low, bool exclusive, int64_t room) {
    if (low.empty() && !exclusive) return digits(g_, 0, room);
    if (room == 0) return g_.nothing();
    std::vector<ExprId> ways;
    const char first = low.empty() ? '0' : low[0];
    if (first < '9') {
      ways.push_back(
          g_.sequence({digit(g_, static_cast<char>(first + 1), '9'), digits(g_, 0, room - 1)}));
    }
    const std::string_view rest = low.empty() ? low : low.substr(1);
    ways.push_back(
        g_.sequence({g_.literal(std::string(1, first)), more(rest, exclusive, room - 1)}));
    return g_.choice(std::move(ways));
  }

  // `high` has no zero at its end, so any beginning of it is less.
  ExprId less(std::string_view high, bool exclusive, int64_t room) {
    std::vector<ExprId> ways;
    if (high[0] > '0') {
      ways.push_back(
          g_.sequence({digit(g_, '0', static_cast<char>(high[0] - 1)), digits(g_, 0, room - 1)}));
    }
    const std::string_view rest = high.substr(1);
    if (!rest.empty()) {
      ways.push_back(g_.sequence(
          {g_.literal(high.substr(0, 1)), g_.optional(less(rest, exclusive, room - 1))}));
    } else if (!exclusive) {
      ways.push_back(g_.sequence({g_.literal(high), zeros(0, room - 1)}));
    }
    return g_.choice(std::move(ways));
  }

  Grammar& g_;
  const int64_t room_;
};

// Sizes (numbers without their sign) from `low` to `high`, either of which may be missing.
Result<ExprId> sizes_between(Grammar& g, const Bound* low, const Bound* high, int64_t room,
                             int64_t whole_max) {
  static const Bound kZero{};
  if (!low) low = &kZero;
  const int64_t first = low->decimal.whole;
  const int64_t last = high ? high->decimal.whole : whole_max;
  if (first > last) return g.nothing();
  Fractions fractions(g, room);
  const ExprId above = fractions.at_least(low->decimal.fraction, low->exclusive);
  const ExprId below =
      high ? fractions.at_most(high->decimal.fraction, high->exclusive) : fractions.any();
  const auto with_whole = [&](int64_t whole, ExprId fraction) {
    return g.sequence({g.literal(fmt::format("{}", whole)), fraction});
  };
  if (first == last) {
    TRY_ASSIGN(const ByteDfa a, to_dfa(g, above, kStatesMax));
    TRY_ASSIGN(const ByteDfa b, to_dfa(g, below, kStatesMax));
    TRY_ASSIGN(ByteDfa both, combine(a, b, Combine::both, kStatesMax));
    return with_whole(first, g.dfa(std::move(both)));
  }
  return g.choice({with_whole(first, above),
                   g.sequence({naturals(g, first + 1, last - 1), fractions.any()}),
                   with_whole(last, below)});
}

int64_t count_digits(int64_t whole) {
  return static_cast<int64_t>(fmt::format("{}", whole).size());
}

}  // namespace

Result<Decimal> to_decimal(double value) {
  Decimal out;
  out.negative = std::signbit(value) && value != 0;
  const double size = std::abs(value);
  if (!(size < 9e18)) {
    return error(Code::unsupported, "expected a number that fits 64 bits, found {}", value);
  }
  out.whole = static_cast<int64_t>(size);
  if (size == std::floor(size)) return out;
  std::string text = fmt::format("{}", size);  // the shortest that reads back the same
  if (text.find('e') != text.npos) text = fmt::format("{:.{}f}", size, kDigitsOfFractionMax);
  out.fraction = text.substr(text.find('.') + 1);
  out.fraction.erase(out.fraction.find_last_not_of('0') + 1);
  if (std::stod(fmt::format("{}.{}", out.whole, out.fraction)) != size) {
    return error(Code::unsupported, "expected at most {} digits after the point, found {}",
                 kDigitsOfFractionMax, value);
  }
  return out;
}

Result<ExprId> integers_between(const NumberBounds& bounds, Grammar& grammar) {
  const int64_t low = bounds.low ? least(*bounds.low) : -kLargest;
  const int64_t high = bounds.high ? largest(*bounds.high) : kLargest;
  std::vector<ExprId> ways = {naturals(grammar, std::max<int64_t>(low, 0), high)};
  if (low < 0) {
    const ExprId sizes = naturals(grammar, std::max<int64_t>(-high, 1), -low);
    ways.push_back(grammar.sequence({grammar.literal("-"), sizes}));
  }
  const ExprId all = grammar.choice(std::move(ways));
  if (bounds.multiple_of.value_or(1) == 1) return all;
  if (*bounds.multiple_of > kMultipleMax) {
    return error(Code::unsupported, "`multipleOf`: expected at most {}, found {}", kMultipleMax,
                 *bounds.multiple_of);
  }
  TRY_ASSIGN(const ByteDfa range, to_dfa(grammar, all, kStatesMax));
  TRY_ASSIGN(ByteDfa both,
             combine(range, multiples(*bounds.multiple_of), Combine::both, kStatesMax));
  return grammar.dfa(std::move(both));
}

Result<ExprId> numbers_between(const NumberBounds& bounds, Grammar& grammar) {
  if (bounds.multiple_of) return integers_between(bounds, grammar);
  int64_t room = kUsualFraction, whole_digits = kExactDigits - kUsualFraction;
  for (const auto* bound : {&bounds.low, &bounds.high}) {
    if (!*bound) continue;
    room = std::max(room, static_cast<int64_t>((*bound)->decimal.fraction.size()));
    whole_digits = std::max(whole_digits, count_digits((*bound)->decimal.whole));
  }
  // A text of more digits may be rounded onto an exclusive bound.
  if (room + whole_digits > kExactDigits) room = std::max<int64_t>(0, kExactDigits - whole_digits);
  for (const auto* bound : {&bounds.low, &bounds.high}) {
    if (!*bound || static_cast<int64_t>((*bound)->decimal.fraction.size()) <= room) continue;
    return error(Code::unsupported, "expected bounds of at most {} digits, found {}", kExactDigits,
                 (*bound)->value);
  }
  if (room == 0) return integers_between(bounds, grammar);
  int64_t whole_max = 1;
  for (int64_t i = 0; i < whole_digits; ++i) whole_max *= 10;
  --whole_max;
  const Bound* low = bounds.low ? &*bounds.low : nullptr;
  const Bound* high = bounds.high ? &*bounds.high : nullptr;
  const bool low_negative = !low || low->decimal.negative;
  const bool high_negative = high && high->decimal.negative;
  std::vector<ExprId> ways;
  if (!high_negative) {
    TRY_ASSIGN(const ExprId positive,
               sizes_between(grammar, low_negative ? nullptr : low, high, room, whole_max));
    ways.push_back(positive);
  }
  if (low_negative) {
    // -0 and -0.0 are zero: they stay out where zero may be out, as all sizes begin above it.
    Bound above_zero;
    above_zero.exclusive = true;
    TRY_ASSIGN(const ExprId negative,
               sizes_between(grammar, high_negative ? high : &above_zero, low, room, whole_max));
    ways.push_back(grammar.sequence({grammar.literal("-"), negative}));
  }
  return grammar.choice(std::move(ways));
}

}  // namespace hearth::grammar
