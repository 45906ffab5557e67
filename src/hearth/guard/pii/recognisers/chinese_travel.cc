// Travel documents of Greater China: the passport, the permits to cross between the mainland, Hong
// Kong, Macao and Taiwan. None has a check digit in the number: words near it decide.
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

// A group that is one of `letters` and `digits` digits.
bool letter_and_digits(const CodeRun& run, size_t i, std::string_view letters, size_t digits) {
  if (letters.find(run[i]) == letters.npos || i + 1 >= run.size()) return false;
  const size_t end = run.take_digits(i + 1, digits, kZeroWidth | kSpace);
  return end != CodeRun::kNone && run.ends(end) && (run.gap(i + 1) & ~(kZeroWidth | kSpace)) == 0;
}

}  // namespace

// E and G of persons, D, S and P of officials, E with a second letter since 2017. In other
// countries a passport is up to two letters and six to nine digits; only the word tells it.
void find_cn_passport(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    if (letter_and_digits(run, i, "EGDSPH", 8)) {
      out.add(run, i, i + 9, 0.4);
    } else if (run[i] == 'E' && i + 1 < run.size() && !run.is_digit(i + 1) &&
               letter_and_digits(run, i + 1, "ABCDEFGHJKLMNPQRSTUVWXYZ", 7)) {
      out.add(run, i, i + 9, 0.45);
    } else {
      size_t at = i;
      while (at < run.size() && at < i + 2 && !run.is_digit(at)) ++at;
      size_t end = at;
      while (end < run.size() && run.is_digit(end) && (end == at || !run.border(end))) ++end;
      if (end - at >= 6 && end - at <= 9 && run.ends(end) && run.one_group(i, end)) {
        out.add(run, i, end, 0.15);
      }
    }
  }
}

// To the mainland: H or M and 8 digits (10 with the renewal count). To Hong Kong and Macao: C, or
// W, with 8 digits, or a letter and 7. From Taiwan: 8 digits, which say nothing by themselves.
void find_travel_permit(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    if (letter_and_digits(run, i, "HM", 8)) {
      out.add(run, i, i + 9, 0.42);
    } else if (letter_and_digits(run, i, "HM", 10)) {
      out.add(run, i, i + 11, 0.45);
    } else if (letter_and_digits(run, i, "CWLT", 8)) {
      out.add(run, i, i + 9, 0.35);
    } else if ((run[i] == 'C' || run[i] == 'L') && i + 1 < run.size() && !run.is_digit(i + 1) &&
               letter_and_digits(run, i + 1, "ABCDEFGHJKLMNPQRSTUVWXYZ", 7)) {
      out.add(run, i, i + 9, 0.35);
    } else if (const size_t end = run.take_digits(i, 8, kZeroWidth);
               end != CodeRun::kNone && run.ends(end)) {
      out.add(run, i, end, 0.1);
    }
  }
}

}  // namespace hearth::pii
