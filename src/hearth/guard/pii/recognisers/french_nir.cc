// France: the number of social security (NIR): sex, year and month of birth, place, serial number
// and a key modulo 97; Corsica's places are 2A and 2B.
#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

bool checks(std::string_view code) {
  uint64_t value = 0;
  for (size_t i = 0; i < 13; ++i) {
    char c = code[i];
    if (c == 'A' || c == 'B') c = '0';
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (code[6] == 'A') value -= 1'000'000;
  if (code[6] == 'B') value -= 2'000'000;
  return 97 - value % 97 == static_cast<uint64_t>(two_digits(code, 13));
}

}  // namespace

void find_french_nir(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    const size_t end = run.take(i, 15, kSoft);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    if (!run.all_digits(i, i + 6) || !run.all_digits(i + 7, end)) continue;
    const bool corsica = run[i + 5] == '2' && (run[i + 6] == 'A' || run[i + 6] == 'B');
    if (!run.is_digit(i + 6) && !corsica) continue;
    const std::string_view code = run.code().substr(i, 15);
    const int month = two_digits(code, 3);
    const bool month_good =
        (month >= 1 && month <= 12) || (month >= 20 && month <= 42) || month >= 50;
    if ((code[0] < '1' || code[0] > '4') && code[0] != '7' && code[0] != '8') continue;
    if (!month_good || !checks(code)) continue;
    const bool fraction = i > 0 && run.is_digit(i - 1) && run.gap(i) == kDot;
    out.add(run, i, end, fraction ? 0.4 : run.shape(i, end) == 1222332 ? 0.85 : 0.7);
  }
}

}  // namespace hearth::pii
