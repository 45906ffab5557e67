// Poland: PESEL: date of birth with the century in the month, serial number, and a check digit with
// weights 1 3 7 9.
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {

void find_pesel(const CodeRun& run, Proposals& out) {
  static constexpr std::array<int, 11> kWeights = {1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1};
  static constexpr std::array<int, 5> kCenturies = {1900, 2000, 2100, 2200, 1800};
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, 11, kZeroWidth | kSpace);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    const std::string_view digits = run.code().substr(i, 11);
    if (weighted_sum(digits, kWeights) % 10 != 0) continue;
    const int month = two_digits(digits, 2);
    const int year = kCenturies[static_cast<size_t>(month / 20)] + two_digits(digits, 0);
    if (is_date(year, month % 20, two_digits(digits, 4))) out.add(run, i, end, 0.4);
  }
}

}  // namespace hearth::pii
