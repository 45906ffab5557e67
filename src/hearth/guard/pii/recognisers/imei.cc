// IMEI: the number of a telephone itself: fifteen digits, the last of them Luhn's.
#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {

void find_imei(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, 15, kSoft | kSlash);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    const std::string_view digits = run.code().substr(i, 15);
    if (digits.find_first_not_of(digits[0]) == digits.npos || !luhn(digits)) continue;
    out.add(run, i, end, run.shape(i, end) == 2661 ? 0.6 : 0.4);
  }
}

}  // namespace hearth::pii
