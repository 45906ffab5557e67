// Italy: the codice fiscale: six letters of the name, birth, place, and a check letter from two
// tables, one for odd and one for even places.
#include <array>

#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr size_t kLength = 16;
// A letter where a digit is due stands for one when two people would have the same code.
constexpr std::string_view kDigitOrStandIn = "0123456789LMNPQRSTUV";

// What a character counts in an odd place: digits and letters have the same first ten values.
int odd_value(char c) {
  static constexpr std::array<int, 26> kOdd = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                               20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  return kOdd[static_cast<size_t>(c <= '9' ? c - '0' : c - 'A')];
}

bool checks(std::string_view code) {
  int sum = 0;
  for (size_t i = 0; i < kLength - 1; ++i) {
    const int even = code[i] <= '9' ? code[i] - '0' : code[i] - 'A';
    sum += i % 2 == 0 ? odd_value(code[i]) : even;
  }
  return code[kLength - 1] == 'A' + sum % 26;
}

bool has_form(std::string_view code) {
  static constexpr std::string_view kForm = "LLLLLLDDMDDLDDDL";
  static constexpr std::string_view kMonths = "ABCDEHLMPRST";
  for (size_t i = 0; i < kLength; ++i) {
    const char c = code[i];
    const bool letter = c >= 'A';
    if (kForm[i] == 'L' && !letter) return false;
    if (kForm[i] == 'D' && kDigitOrStandIn.find(c) == code.npos) return false;
    if (kForm[i] == 'M' && kMonths.find(c) == code.npos) return false;
  }
  return true;
}

}  // namespace

void find_italian_fiscal_code(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + kLength <= run.size(); ++i) {
    if (!run.border(i) || run.is_digit(i)) continue;
    const size_t end = run.take(i, kLength, kSoft);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    const std::string_view code = run.code().substr(i, kLength);
    if (has_form(code) && checks(code)) out.add(run, i, end, 0.95);
  }
}

}  // namespace hearth::pii
