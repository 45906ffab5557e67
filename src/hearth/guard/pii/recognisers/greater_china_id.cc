// Identity cards of Hong Kong (check digit in brackets), Macao (digit in brackets) and Taiwan.
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

int letter_value(char c) {
  return c - 'A' + 10;
}

// One or two letters, six digits, and 0 to 9 or A: the sum with weights 9 to 1 is a multiple of 11;
// an absent first letter counts 36.
bool hong_kong_checks(std::string_view letters, std::string_view digits, char check) {
  int sum = letters.size() == 2 ? letter_value(letters[0]) * 9 + letter_value(letters[1]) * 8
                                : 36 * 9 + letter_value(letters[0]) * 8;
  for (size_t i = 0; i < digits.size(); ++i) sum += (digits[i] - '0') * (7 - static_cast<int>(i));
  sum += check == 'A' ? 10 : check - '0';
  return sum % 11 == 0;
}

bool closed_bracket(const CodeRun& run, size_t end) {
  const std::string_view rest = run.text().substr(run.end(end - 1));
  return rest.starts_with(')') || rest.starts_with("）");
}

// The closing bracket belongs to the number.
size_t end_with_bracket(const CodeRun& run, size_t end) {
  const size_t at = run.end(end - 1);
  return at + (run.text()[at] == ')' ? 1 : std::string_view("）").size());
}

// How the letter of Taiwan's number counts: counties in the order in which they got theirs.
int taiwan_letter(char c) {
  static constexpr std::string_view kOrder = "ABCDEFGHJKLMNPQRSTUVXYWZIO";
  return static_cast<int>(kOrder.find(c)) + 10;
}

}  // namespace

void find_hk_id(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i < run.size(); ++i) {
    if (!run.border(i) || run.is_digit(i)) continue;
    const size_t letters = i + 1 < run.size() && !run.is_digit(i + 1) ? 2 : 1;
    const size_t check = i + letters + 6;
    if (check >= run.size() || !run.all_digits(i + letters, check)) continue;
    if (run.take(i, letters + 6, kZeroWidth | kSpace) == CodeRun::kNone) continue;
    if (!run.is_digit(check) && run[check] != 'A') continue;
    const bool bracket = (run.gap(check) & kBracket) != 0 && closed_bracket(run, check + 1);
    if (!bracket && ((run.gap(check) & ~(kZeroWidth | kDash)) != 0 || !run.ends(check + 1)))
      continue;
    const std::string_view code = run.code();
    if (!hong_kong_checks(code.substr(i, letters), code.substr(i + letters, 6), code[check])) {
      continue;
    }
    const size_t end = bracket ? end_with_bracket(run, check + 1) : run.end(check);
    out.add(run.begin(i), end, bracket ? 0.9 : 0.45);
  }
}

void find_macao_id(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    if (run[i] != '1' && run[i] != '5' && run[i] != '7') continue;
    const size_t check = run.take_digits(i, 7, kZeroWidth | kSlash);
    if (check == CodeRun::kNone || check >= run.size() || !run.is_digit(check)) continue;
    if ((run.gap(check) & kBracket) == 0 || !closed_bracket(run, check + 1)) continue;
    out.add(run.begin(i), end_with_bracket(run, check + 1), 0.5);
  }
}

void find_tw_id(const CodeRun& run, Proposals& out) {
  static constexpr std::array<int, 9> kWeights = {8, 7, 6, 5, 4, 3, 2, 1, 1};
  for (size_t i = 0; i + 10 <= run.size(); ++i) {
    if (!run.border(i) || run.is_digit(i)) continue;
    const size_t end = run.take(i, 10, kZeroWidth | kSpace);
    if (end == CodeRun::kNone || !run.all_digits(i + 1, end) || !run.ends(end)) continue;
    const char sex = run[i + 1];  // 1, 2: citizens; 8, 9: residents
    if (sex != '1' && sex != '2' && sex != '8' && sex != '9') continue;
    const int letter = taiwan_letter(run[i]);
    const int sum =
        letter / 10 + letter % 10 * 9 + weighted_sum(run.code().substr(i + 1, 9), kWeights);
    if (sum % 10 == 0) out.add(run, i, end, 0.7);
  }
}

}  // namespace hearth::pii
