// Identity numbers with check digits of India, Korea, Singapore, Thailand and South Africa.
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

bool palindrome(std::string_view digits) {
  for (size_t i = 0; i < digits.size() / 2; ++i) {
    if (digits[i] != digits[digits.size() - 1 - i]) return false;
  }
  return true;
}

// S, T: citizens; F, G, M: foreigners; each pair has its own check letters.
bool singapore_checks(std::string_view code) {
  static constexpr std::array<int, 7> kWeights = {2, 7, 6, 5, 4, 3, 2};
  const int sum = weighted_sum(code.substr(1), kWeights);
  switch (code[0]) {
    case 'S':
      return "JZIHGFEDCBA"[sum % 11] == code[8];
    case 'T':
      return "JZIHGFEDCBA"[(sum + 4) % 11] == code[8];
    case 'F':
      return "XWUTRQPNMLK"[sum % 11] == code[8];
    case 'G':
      return "XWUTRQPNMLK"[(sum + 4) % 11] == code[8];
    case 'M':
      return "XWUTRQPNJLK"[(sum + 3) % 11] == code[8];
    default:
      return false;
  }
}

bool korean_checks(std::string_view code) {
  static constexpr std::array<int, 12> kWeights = {2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5};
  const int foreigner = code[6] >= '5' ? 2 : 0;
  return (11 - weighted_sum(code, kWeights) % 11 + foreigner) % 10 == code[12] - '0';
}

// Calls `look(i, end)` for thirteen digits that begin with a date of birth and a sex.
template <typename Look>
void each_rrn(const CodeRun& run, Look look) {
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, 13, kZeroWidth | kDash);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    const std::string_view digits = run.code().substr(i, 13);
    if (digits[6] < '1' || digits[6] > '8') continue;
    const bool of_1900 =
        digits[6] == '1' || digits[6] == '2' || digits[6] == '5' || digits[6] == '6';
    const int year = (of_1900 ? 1900 : 2000) + two_digits(digits, 0);
    if (is_date(year, two_digits(digits, 2), two_digits(digits, 4))) look(i, end);
  }
}

}  // namespace

// Twelve digits, the first 2 to 9, Verhoeff's check.
void find_aadhaar(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, 12, kSoft | kColon);
    if (end == CodeRun::kNone || !run.ends(end) || run[i] < '2') continue;
    const std::string_view digits = run.code().substr(i, 12);
    if (palindrome(digits) || !verhoeff(digits)) continue;
    out.add(run, i, end, run.shape(i, end) == 444 ? 0.6 : 0.35);
  }
}

// Birth, sex and century, place, and a check digit, which numbers since October 2020 have no more:
// without it a dash in its place or a word must speak for the number.
void find_korean_rrn(const CodeRun& run, Proposals& out) {
  each_rrn(run, [&](size_t i, size_t end) {
    if (run.shape(i, end) == 67) {
      out.add(run, i, end, 0.6);
    } else if (run.one_group(i, end) && korean_checks(run.code().substr(i, 13))) {
      out.add(run, i, end, 0.4);
    }
  });
}

void find_korean_rrn_of_2020(const CodeRun& run, Proposals& out) {
  each_rrn(run, [&](size_t i, size_t end) {
    if (run.one_group(i, end)) out.add(run, i, end, 0.25);
  });
}

void find_singapore_nric(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + 9 <= run.size(); ++i) {
    if (!run.border(i) || run.is_digit(i)) continue;
    const size_t end = run.take(i, 9, kZeroWidth);
    if (end == CodeRun::kNone || !run.ends(end) || !run.all_digits(i + 1, i + 8)) continue;
    if (singapore_checks(run.code().substr(i, 9))) out.add(run, i, end, 0.75);
  }
}

void find_thai_id(const CodeRun& run, Proposals& out) {
  static constexpr std::array<int, 12> kWeights = {13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2};
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, 13, kSoft);
    if (end == CodeRun::kNone || !run.ends(end) || run[i] == '0' || run[i] == '9') continue;
    const std::string_view digits = run.code().substr(i, 13);
    const int province = two_digits(digits, 1);
    if (province < 10 || province > 96) continue;
    if ((11 - weighted_sum(digits, kWeights) % 11) % 10 != digits[12] - '0') continue;
    out.add(run, i, end, run.shape(i, end) == 14521 ? 0.75 : 0.3);
  }
}

// Birth, sex, citizenship, Luhn.
void find_south_african_id(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, 13, kZeroWidth | kSpace);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    const std::string_view digits = run.code().substr(i, 13);
    const int month = two_digits(digits, 2), day = two_digits(digits, 4);
    const int year = two_digits(digits, 0);
    if (!is_date(1900 + year, month, day) && !is_date(2000 + year, month, day)) continue;
    if (digits[10] > '2' || !luhn(digits)) continue;
    out.add(run, i, end, 0.35);
  }
}

}  // namespace hearth::pii
