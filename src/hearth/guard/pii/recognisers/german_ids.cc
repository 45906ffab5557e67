// Germany: the tax number for life (eleven digits, ISO 7064 MOD 11,10, of the first ten exactly one
// digit twice or thrice) and the number of the identity card: nine places, and a tenth with the
// check (ICAO 9303, weights 7 3 1) in the machine-readable zone and on forms that ask for it.
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr size_t kNowhere = std::string_view::npos;
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

// Calls `look(i, end)` for the office's letter and places that hold no vowel, with a digit in them.
template <typename Look>
void each_card_number(const CodeRun& run, size_t length, Look look) {
  for (size_t i = 0; i + length <= run.size(); ++i) {
    if (!run.border(i) || std::string_view("CFGHJKLMNPRTVWXYZ").find(run[i]) == kNowhere) continue;
    const size_t end = run.take(i, length, kZeroWidth);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    const std::string_view code = run.code().substr(i, length);
    if (code.find_first_not_of(kCardAlphabet) != kNowhere) continue;
    if (code.find_first_of("0123456789") == kNowhere) continue;
    if (length == 9 || run.is_digit(end - 1)) look(i, end);
  }
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
  each_card_number(run, 10, [&](size_t i, size_t end) {
    if (card_checks(run.code().substr(i, 10))) out.add(run, i, end, 0.3);
  });
}

// The face of the card leaves the check out: a word for the card must announce the number.
void find_german_id_card_face(const CodeRun& run, Proposals& out) {
  each_card_number(run, 9, [&](size_t i, size_t end) { out.add(run, i, end, 0.3); });
}

}  // namespace hearth::pii
