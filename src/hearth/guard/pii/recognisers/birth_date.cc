// Dates of birth: a date in numbers, in Chinese or with an English month; it counts only where a
// word about birth is near.
#include <array>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr double kDate = 0.1;  // a date alone is nobody's
constexpr auto kLiterals = std::to_array<std::string_view>({"年"});
constexpr auto kMonths = std::to_array<std::string_view>(
    {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"});

// The groups of digits from character i on, as numbers; at most three.
struct Parts {
  std::array<int, 3> value{};
  std::array<size_t, 3> digits{};
  size_t count = 0;
  size_t end = 0;
};
Parts parts_at(const CodeRun& run, size_t i, Gaps gaps) {
  Parts out;
  out.end = i;
  while (out.count < 3 && out.end < run.size()) {
    const size_t begin = out.end;
    if (out.count > 0 && (run.gap(begin) & ~gaps) != 0) break;
    size_t end = begin;
    while (end < run.size() && run.is_digit(end) && (end == begin || !run.border(end))) ++end;
    if (end == begin || end - begin > 4 || !run.ends(end)) break;
    out.value[out.count] = static_cast<int>(run.number(begin, end));
    out.digits[out.count++] = end - begin;
    out.end = end;
  }
  return out;
}

bool is_date_of(const Parts& p) {
  const auto [a, b, c] = p.value;
  if (p.count != 3 || p.digits[1] > 2) return false;
  if (p.digits[0] == 4) return p.digits[2] <= 2 && is_date(a, b, c);
  if (p.digits[0] > 2 || (p.digits[2] != 4 && p.digits[2] != 2)) return false;
  const int year = p.digits[2] == 2 ? 1900 + c : c;
  return is_date(year, a, b) || is_date(year, b, a);
}

bool is_month(std::string_view word) {
  if (word.size() < 3) return false;
  const std::array<char, 3> start = {to_lower(word[0]), to_lower(word[1]), to_lower(word[2])};
  for (std::string_view m : kMonths) {
    if (m == std::string_view(start.data(), 3)) return true;
  }
  return false;
}

// The word of letters that ends at `end`, spaces before `end` skipped: where it begins.
size_t word_before(std::string_view text, size_t end) {
  while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '.')) --end;
  size_t begin = end;
  while (begin > 0 && end - begin < 10 && is_letter(text[begin - 1])) --begin;
  return begin;
}

// Reads digits at `at` of the text; moves past them. -1: none.
int number_at(std::string_view text, size_t& at, size_t most) {
  size_t digits = 0;
  int value = 0;
  while (at < text.size() && digits < most && is_digit(text[at])) {
    value = value * 10 + text[at++] - '0';
    ++digits;
  }
  return digits > 0 ? value : -1;
}

bool skip(std::string_view text, size_t& at, std::string_view word) {
  const bool there = text.substr(at, word.size()) == word;
  if (there) at += word.size();
  return there;
}

// March 5, 1980; 5 March 1980; 5th of March 1980
void english_date(const CodeRun& run, size_t i, Proposals& out) {
  const std::string_view text = run.text();
  size_t at = run.begin(i);
  const size_t begin = at;
  const int day = number_at(text, at, 2);
  if (day < 1 || day > 31 || at > text.size()) return;
  for (std::string_view ending : {"st", "nd", "rd", "th"}) skip(text, at, ending);
  const size_t word = word_before(text, begin);
  if (is_month(text.substr(word, begin - word))) {
    skip(text, at, ",");
    skip(text, at, " ");
    const int year = number_at(text, at, 4);
    if (is_date(year, 1, 1)) out.add(word, at, kDate);
    return;
  }
  skip(text, at, " ");
  skip(text, at, "of ");
  const size_t month = at;
  while (at < text.size() && at - month < 10 && is_letter(text[at])) ++at;
  if (!is_month(text.substr(month, at - month))) return;
  skip(text, at, ".");
  skip(text, at, ",");
  skip(text, at, " ");
  const int year = number_at(text, at, 4);
  if (is_date(year, 1, 1)) out.add(begin, at, kDate);
}

}  // namespace

void find_birth_date(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    if (!run.is_digit(i)) continue;
    const Parts parts = parts_at(run, i, kDash | kSlash | kDot);
    if (is_date_of(parts)) out.add(run, i, parts.end, kDate);
    if (const size_t end = run.take_digits(i, 8, kZeroWidth);
        end != CodeRun::kNone && run.ends(end) &&
        is_date(static_cast<int>(run.number(i, i + 4)), static_cast<int>(run.number(i + 4, i + 6)),
                static_cast<int>(run.number(i + 6, end)))) {
      out.add(run, i, end, 0);
    }
    english_date(run, i, out);
  }
}

Literals birth_date_literals() {
  return kLiterals;
}

// 1990年5月1日
void find_chinese_date(std::string_view text, size_t at, size_t end, Proposals& out) {
  if (at < 4) return;
  size_t begin = at - 4;
  const int year = number_at(text, begin, 4);
  if (begin != at) return;
  const int month = number_at(text, end, 2);
  if (!skip(text, end, "月")) return;
  const int day = number_at(text, end, 2);
  if (!is_date(year, month, day)) return;
  if (!skip(text, end, "日")) skip(text, end, "号");
  out.add(at - 4, end, kDate);
}

}  // namespace hearth::pii
