// Germany: the tax number for life (eleven digits, ISO 7064 MOD 11,10, of the first ten exactly one
// digit twice or thrice) and the number of the identity card (nine places, weights 7 3 1).
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr std::string_view kCardAlphabet = "0123456789CFGHJKLMNPRTVWXYZ";

bool repeats_once(std::string_view ten) {
  std::array<int, 10> counts{};
  for (char c : ten) ++counts[static_cast<size_t>(c - '0')];
  int repeated = 0;
  for (int n : counts) {
    if (n > 3) return false;
    if (n > 1) ++repeated;
  }
  return repeated == 1;
}

bool card_checks(std::string_view code) {
  static constexpr std::array<int, 3> kWeights = {7, 3, 1};
  int sum = 0;
  for (size_t i = 0; i + 1 < code.size(); ++i) {
    const int value = code[i] <= '9' ? code[i] - '0' : code[i] - 'A' + 10;
    sum += value * kWeights[i % 3];
  }
  return sum % 10 == code.back() - '0';
}

}  // namespace

void find_german_tax_id(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, 11, kSoft | kSlash);
    if (end == CodeRun::kNone || !run.ends(end) || run[i] == '0') continue;
    const std::string_view digits = run.code().substr(i, 11);
    if (!repeats_once(digits.substr(0, 10)) || !iso_mod_11_10(digits)) continue;
    out.add(run, i, end, run.shape(i, end) == 2333 ? 0.6 : 0.35);
  }
}

void find_german_id_card(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + 9 <= run.size(); ++i) {
    if (!run.border(i) || run.is_digit(i)) continue;
    const size_t end = run.take(i, 9, kZeroWidth);
    if (end == CodeRun::kNone || !run.ends(end) || !run.is_digit(end - 1)) continue;
    const std::string_view code = run.code().substr(i, 9);
    // The card of before 2010 has its check digit elsewhere.
    if (code[0] == 'T' && run.all_digits(i + 1, end)) out.add(run, i, end, 0.2);
    // The office's letter, then places that hold no vowel.
    if (std::string_view("CFGHJKLMNPRTVWXYZ").find(code[0]) == code.npos) continue;
    if (code.find_first_not_of(kCardAlphabet) != code.npos || !card_checks(code)) continue;
    out.add(run, i, end, 0.3);
  }
}

}  // namespace hearth::pii
