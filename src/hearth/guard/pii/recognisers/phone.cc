// Telephone numbers beyond mainland China: international ones by country code and length (ITU-T
// E.164), North American ones by their plan, others by the way they are written and a word nearby.
#include <algorithm>
#include <array>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr Gaps kPhoneGaps = kSoft | kBracket | kSlash;
constexpr size_t kDigitsMax = 15;  // E.164
constexpr size_t kDigitsMin = 6;

// Country codes of one and two digits; those of three begin with what is left (ITU-T list).
bool is_country(uint64_t code, size_t digits) {
  static constexpr std::array<uint8_t, 45> kTwo = {
      20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55,
      56, 57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98, 0};
  if (digits == 1) return code == 1 || code == 7;
  if (digits == 2) return code != 0 && std::find(kTwo.begin(), kTwo.end(), code) != kTwo.end();
  const uint64_t two = code / 10;
  return two == 21 || two == 22 || two == 23 || two == 24 || two == 25 || two == 26 || two == 29 ||
         two == 35 || two == 37 || two == 38 || two == 42 || two == 50 || two == 59 || two == 67 ||
         two == 68 || two == 69 || two == 80 || two == 85 || two == 87 || two == 88 || two == 96 ||
         two == 97 || two == 99;
}

bool has_country(const CodeRun& run, size_t i, size_t digits) {
  for (size_t n : {size_t{1}, size_t{2}, size_t{3}}) {
    const size_t national = digits - n;
    if (is_country(run.number(i, i + n), n) && national >= 6 && national <= 12) return true;
  }
  return false;
}

// Area and exchange begin with 2 to 9 (North American Numbering Plan).
bool north_american(const CodeRun& run, size_t i) {
  return run[i] >= '2' && run[i + 3] >= '2' && !(run[i + 1] == '9' && run[i + 2] == '9');
}

// "x123", "ext. 123" after a number belong to it.
size_t with_extension(std::string_view text, size_t end) {
  size_t at = end;
  while (at < text.size() && text[at] == ' ') ++at;
  for (std::string_view word : {"ext.", "ext", "x"}) {
    if (text.substr(at, word.size()) != word) continue;
    at += word.size();
    while (at < text.size() && text[at] == ' ') ++at;
    size_t digits = 0;
    while (at + digits < text.size() && digits < 7 && is_digit(text[at + digits])) ++digits;
    return digits > 0 ? at + digits : end;
  }
  return end;
}

// A bracket and a plus before the first digit belong to the number.
size_t begin_with_marks(const CodeRun& run, size_t i) {
  size_t begin = run.begin(i);
  for (char mark : {'(', '+'}) {
    if (begin > 0 && run.text()[begin - 1] == mark) --begin;
  }
  return begin;
}

void propose(const CodeRun& run, size_t i, size_t end, double score, Proposals& out) {
  out.add(begin_with_marks(run, i), with_extension(run.text(), run.end(end - 1)), score);
}

// The index after the digits that begin at i, in groups as telephones have them; `most` at most.
size_t digits_end(const CodeRun& run, size_t i) {
  size_t end = i;
  while (end < run.size() && end - i < kDigitsMax && run.is_digit(end)) {
    if (end > i && (run.gap(end) & ~kPhoneGaps) != 0) break;
    ++end;
  }
  if (end < run.size() && run.is_digit(end) && !run.border(end)) return i;  // more than a telephone
  // "x" begins an extension, and other letters another thing.
  if (end < run.size() && !run.border(end) && run[end] != 'X' && run[end] != 'E') return i;
  return end;
}

// A date or a number with thousands is written in groups too.
bool looks_like_date(const CodeRun& run, size_t i, size_t end) {
  const uint64_t shape = run.shape(i, end);
  return shape == 422 || shape == 224 || shape == 222 || shape == 124 || shape == 214 ||
         shape == 114 || shape == 44 || shape == 42 || shape == 24;
}

// "(0171) 123456", "0 (532) 1234567": a short group closed by a bracket, and a number after it.
bool has_area_in_brackets(const CodeRun& run, size_t i, size_t end) {
  for (size_t k = i + 1; k < end && k <= i + 5; ++k) {
    if ((run.gap(k) & kBracket) == 0 || run.text()[run.end(k - 1)] != ')') continue;
    return end - k >= 6 && end - k <= 8;
  }
  return false;
}

// How sure the writing alone makes it; 0: not a telephone number.
double score_of(const CodeRun& run, size_t i, size_t end) {
  const size_t digits = end - i;
  const size_t begin = run.begin(i);
  const bool plus =
      begin > 0 && (run.text()[begin - 1] == '+' || run.text().substr(0, begin).ends_with("+("));
  if (plus) return has_country(run, i, digits) ? 0.85 : 0;
  const bool double_zero = run[i] == '0' && run[i + 1] == '0';
  if (double_zero && digits >= 10 && has_country(run, i + 2, digits - 2)) return 0.6;
  const uint64_t shape = run.shape(i, end);
  const bool bracket = begin > 0 && run.text()[begin - 1] == '(';
  if (digits == 10 && north_american(run, i) && (shape == 334 || (bracket && shape == 37))) {
    return bracket ? 0.7 : 0.6;
  }
  if (digits == 11 && run[i] == '1' && north_american(run, i + 1) && shape == 1334) return 0.65;
  if (looks_like_date(run, i, end)) return 0;
  if (has_area_in_brackets(run, i, end)) return 0.5;
  if (run.one_group(i, end)) return digits >= 7 && digits <= 12 ? 0.15 : 0;
  return digits >= 7 ? 0.3 : 0;
}

}  // namespace

void find_phone(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    if (!run.is_digit(i)) continue;
    // "(86) 138…" begins after the bracket; a group in the middle of another number does not.
    const size_t end = digits_end(run, i);
    if (end < i + kDigitsMin) continue;
    const double score = score_of(run, i, end);
    if (score > 0) propose(run, i, end, score, out);
    // The first ten digits where others follow after a space: "415-555-0132 2024".
    const size_t ten = run.take_digits(i, 10, kPhoneGaps);
    if (ten != CodeRun::kNone && ten < end && run.border(ten) && run.shape(i, ten) == 334 &&
        north_american(run, i)) {
      propose(run, i, ten, 0.6, out);
    }
  }
}

}  // namespace hearth::pii
