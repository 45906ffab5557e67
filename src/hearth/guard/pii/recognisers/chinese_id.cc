// The resident identity number of China (GB 11643-1999): region, date of birth, serial number and
// an ISO 7064 MOD 11-2 check character, X for ten; and its 15-digit form of before 1999, which has
// no check. The numbers of residents from Hong Kong, Macao and Taiwan (81, 82, 83) are the same.
#include <algorithm>
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr size_t kLength = 18;
constexpr size_t kOldLength = 15;

bool is_region(uint64_t province) {
  static constexpr std::array<uint8_t, 36> kProvinces = {
      11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43,
      44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83, 91};
  return std::find(kProvinces.begin(), kProvinces.end(), province) != kProvinces.end();
}

bool checks(std::string_view code) {
  static constexpr std::array<int, 17> kWeights = {7, 9, 10, 5,  8, 4, 2, 1, 6,
                                                   3, 7, 9,  10, 5, 8, 4, 2};
  static constexpr std::string_view kCharacters = "10X98765432";
  return kCharacters[static_cast<size_t>(weighted_sum(code, kWeights) % 11)] == code[17];
}

}  // namespace

void find_cn_id(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    const size_t end = run.take(i, kLength, kSoft | kSlash);
    if (end == CodeRun::kNone || !run.all_digits(i, end - 1)) continue;
    if (!run.is_digit(end - 1) && run[end - 1] != 'X') continue;
    if (!run.ends_loosely(end) || !is_region(run.number(i, i + 2))) continue;
    const std::string_view code = run.code().substr(i, kLength);
    const int year = two_digits(code, 6) * 100 + two_digits(code, 8);
    if (!is_date(year, two_digits(code, 10), two_digits(code, 12)) || !checks(code)) continue;
    out.add(run, i, end, 0.95);
  }
}

void find_cn_id_15(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, kOldLength, kZeroWidth | kSpace);
    if (end == CodeRun::kNone || !run.ends(end) || !is_region(run.number(i, i + 2))) continue;
    const std::string_view code = run.code().substr(i, kOldLength);
    if (!is_date(1900 + two_digits(code, 6), two_digits(code, 8), two_digits(code, 10))) continue;
    out.add(run, i, end, 0.3);
  }
}

}  // namespace hearth::pii
