// Positions: two decimal numbers, latitude and longitude in either order, with at least four
// decimals (eleven metres), signs and degrees allowed.
#include <cmath>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr size_t kDecimals = 4;

struct Decimal {
  size_t end = 0;  // index after it; 0: there is none
  double value = 0;
};

// "39.9042" at character i: a group of one to three digits, a dot, a group of decimals.
Decimal decimal_at(const CodeRun& run, size_t i) {
  size_t dot = i;
  while (dot < run.size() && run.is_digit(dot) && (dot == i || !run.border(dot))) ++dot;
  if (dot == i || dot - i > 3 || dot >= run.size() || run.gap(dot) != kDot) return {};
  size_t end = dot;
  while (end < run.size() && run.is_digit(end) && (end == dot || !run.border(end))) ++end;
  if (end - dot < kDecimals || end - dot > 15 || !run.ends(end)) return {};
  const double whole = static_cast<double>(run.number(i, dot));
  const double part = static_cast<double>(run.number(dot, end));
  return {end, whole + part / std::pow(10.0, static_cast<double>(end - dot))};
}

}  // namespace

void find_gps(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i < run.size(); ++i) {
    if (!run.border(i) || !run.is_digit(i) || (i > 0 && run.gap(i) == kDot)) continue;
    const Decimal first = decimal_at(run, i);
    if (first.end == 0 || first.end >= run.size()) continue;
    if ((run.gap(first.end) & (kComma | kSpace)) == 0) continue;
    const Decimal second = decimal_at(run, first.end);
    if (second.end == 0) continue;
    const bool usual = first.value <= 90 && second.value <= 180;
    const bool turned = first.value <= 180 && second.value <= 90;
    if (!usual && !turned) continue;
    const size_t begin = run.begin(i);
    const bool sign = begin > 0 && run.text()[begin - 1] == '-';
    out.add(begin - (sign ? 1 : 0), run.end(second.end - 1), 0.6);
  }
}

}  // namespace hearth::pii
