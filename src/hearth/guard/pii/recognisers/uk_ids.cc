// United Kingdom: national insurance numbers (two letters that are allotted, six digits, A to D)
// and NHS numbers (ten digits, modulo 11).
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

bool is_prefix(std::string_view two) {
  static constexpr std::string_view kNeverFirst = "DFIQUV", kNeverSecond = "DFIOQUV";
  static constexpr std::array<std::string_view, 7> kNever = {"BG", "GB", "KN", "NK",
                                                             "NT", "TN", "ZZ"};
  for (std::string_view pair : kNever) {
    if (two == pair) return false;
  }
  return kNeverFirst.find(two[0]) == two.npos && kNeverSecond.find(two[1]) == two.npos;
}

}  // namespace

void find_nino(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + 9 <= run.size(); ++i) {
    if (!run.border(i) || run.is_digit(i) || run.is_digit(i + 1)) continue;
    const size_t end = run.take(i, 9, kSoft);
    if (end == CodeRun::kNone || !run.all_digits(i + 2, i + 8) || !run.ends(end)) continue;
    if (run[i + 8] < 'A' || run[i + 8] > 'D' || !is_prefix(run.code().substr(i, 2))) continue;
    out.add(run, i, end, 0.7);
  }
}

void find_nhs(const CodeRun& run, Proposals& out) {
  static constexpr std::array<int, 9> kWeights = {10, 9, 8, 7, 6, 5, 4, 3, 2};
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, 10, kSoft);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    const std::string_view digits = run.code().substr(i, 10);
    if (digits.find_first_not_of(digits[0]) == digits.npos) continue;
    const int check = (11 - weighted_sum(digits, kWeights) % 11) % 11;
    if (check != digits[9] - '0') continue;
    out.add(run, i, end, run.shape(i, end) == 334 ? 0.4 : 0.25);
  }
}

}  // namespace hearth::pii
