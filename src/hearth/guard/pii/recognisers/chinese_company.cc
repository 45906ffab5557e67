// The unified social credit code of Chinese organisations and sole traders (GB 32100-2015): office
// and kind, region, organisation code (GB 11714-1997, with a check of its own modulo 11), and a
// check character modulo 31.
#include <algorithm>
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr size_t kLength = 18;
constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";

// Registering office and kind of organisation, as the standard allots them.
bool is_office(std::string_view two) {
  static constexpr std::string_view kOffices =
      "11 12 13 19 21 29 31 32 33 34 35 39 41 49 51 52 53 54 55 59 61 62 69 71 72 79 81 89 91 92 "
      "93 "
      "A1 A9 N1 N2 N3 N9 Y1";
  for (size_t at = 0; at < kOffices.size(); at += 3) {
    if (kOffices.substr(at, 2) == two) return true;
  }
  return false;
}

// Digits alone, the check among them.
bool organisation_checks(std::string_view digits) {
  static constexpr std::array<int, 8> kWeights = {3, 7, 9, 10, 5, 8, 4, 2};
  return (11 - weighted_sum(digits, kWeights) % 11) % 11 == digits[8] - '0';
}

bool checks(std::string_view code) {
  static constexpr std::array<uint8_t, 17> kWeights = {1,  3,  9,  27, 19, 26, 16, 17, 20,
                                                       29, 25, 13, 8,  24, 10, 30, 28};
  size_t sum = 0;
  for (size_t i = 0; i < kLength; ++i) {
    const size_t value = kAlphabet.find(code[i]);
    if (value == kAlphabet.npos) return false;
    if (i == kLength - 1) return (31 - sum % 31) % 31 == value;
    sum += value * kWeights[i];
  }
  return false;
}

}  // namespace

void find_cn_company(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + kLength <= run.size(); ++i) {
    const bool starts = run.border(i);
    if (!starts) continue;
    const size_t end = run.take(i, kLength, kSoft);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    const std::string_view code = run.code().substr(i, kLength);
    // Six digits of a region, whose first names a part of the country.
    if (!is_office(code.substr(0, 2)) || !run.all_digits(i + 2, i + 8)) continue;
    if (code[2] < '1' || code[2] > '8' || !checks(code)) continue;
    const bool letters = !run.all_digits(i, end);
    out.add(run, i, end, letters ? 0.95 : organisation_checks(code.substr(8, 9)) ? 0.6 : 0.4);
  }
}

}  // namespace hearth::pii
