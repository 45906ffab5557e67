// VAT numbers of the European Union: the country's letters, its length, its check digits (as the
// Commission's VIES lists them). A table of countries, each with the arithmetic of its own.
#include <array>
#include <span>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

using View = std::string_view;

bool digits_only(View code) {
  return code.find_first_not_of("0123456789") == code.npos;
}
int value(View digits) {
  int out = 0;
  for (char c : digits) out = out * 10 + c - '0';
  return out;
}
int last(View code) {
  return code.back() - '0';
}

bool austria(View c) {  // U and 8 digits
  if (c[0] != 'U' || !digits_only(c.substr(1))) return false;
  int sum = 4;
  for (size_t i = 1; i < 8; ++i) {
    const int d = (c[i] - '0') * (i % 2 == 0 ? 2 : 1);
    sum += d / 10 + d % 10;
  }
  return (10 - sum % 10) % 10 == last(c);
}
bool belgium(View c) {
  return digits_only(c) && c[0] <= '1' && 97 - value(c.substr(0, 8)) % 97 == value(c.substr(8));
}
bool bulgaria(View c) {
  static constexpr std::array<int, 8> kFirst = {1, 2, 3, 4, 5, 6, 7, 8},
                                      kSecond = {3, 4, 5, 6, 7, 8, 9, 10};
  if (!digits_only(c)) return false;
  int rest = weighted_sum(c, kFirst) % 11;
  if (rest == 10) rest = weighted_sum(c, kSecond) % 11 % 10;
  return rest == last(c);
}
bool cyprus(View c) {  // 8 digits and a letter
  static constexpr std::array<int, 10> kOdd = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21};
  if (!digits_only(c.substr(0, 8))) return false;
  int sum = 0;
  for (size_t i = 0; i < 8; ++i) {
    sum += i % 2 == 0 ? kOdd[static_cast<size_t>(c[i] - '0')] : c[i] - '0';
  }
  return c[8] == 'A' + sum % 26;
}
bool czechia(View c) {
  static constexpr std::array<int, 7> kWeights = {8, 7, 6, 5, 4, 3, 2};
  if (!digits_only(c) || c[0] == '9') return false;
  const int check = 11 - weighted_sum(c, kWeights) % 11;
  return (check == 10 ? 0 : check == 11 ? 1 : check) == last(c);
}
bool germany(View c) {
  return digits_only(c) && c[0] != '0' && iso_mod_11_10(c);
}
bool denmark(View c) {
  static constexpr std::array<int, 8> kWeights = {2, 7, 6, 5, 4, 3, 2, 1};
  return digits_only(c) && c[0] != '0' && weighted_sum(c, kWeights) % 11 == 0;
}
bool estonia(View c) {
  static constexpr std::array<int, 9> kWeights = {3, 7, 1, 3, 7, 1, 3, 7, 1};
  return digits_only(c) && weighted_sum(c, kWeights) % 10 == 0;
}
bool greece(View c) {
  static constexpr std::array<int, 8> kWeights = {256, 128, 64, 32, 16, 8, 4, 2};
  return digits_only(c) && weighted_sum(c, kWeights) % 11 % 10 == last(c);
}
bool spanish_person(View c) {  // 8 digits, the first perhaps X, Y or Z, and a letter
  static constexpr View kFirst = "XYZ", kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  if (!digits_only(c.substr(1, 7))) return false;
  const size_t foreign = kFirst.find(c[0]);
  if (foreign == View::npos && !digits_only(c.substr(0, 1))) return false;
  const int first = foreign == View::npos ? c[0] - '0' : static_cast<int>(foreign);
  return kLetters[static_cast<size_t>((first * 10'000'000 + value(c.substr(1, 7))) % 23)] == c[8];
}
bool spain(View c) {  // persons; organisations: a letter, 7 digits, a digit or letter
  static constexpr View kLetters = "JABCDEFGHI";
  if (spanish_person(c)) return true;
  if (View("ABCDEFGHJNPQRSUVW").find(c[0]) == c.npos || !digits_only(c.substr(1, 7))) return false;
  int sum = 0;
  for (size_t i = 1; i < 8; ++i) {
    const int d = (c[i] - '0') * (i % 2 == 1 ? 2 : 1);
    sum += d / 10 + d % 10;
  }
  const int check = (10 - sum % 10) % 10;
  return c[8] == '0' + check || c[8] == kLetters[static_cast<size_t>(check)];
}
bool finland(View c) {
  static constexpr std::array<int, 8> kWeights = {7, 9, 10, 5, 8, 4, 2, 1};
  return digits_only(c) && weighted_sum(c, kWeights) % 11 == 0;
}
bool france(View c) {
  const View siren = c.substr(2);
  return digits_only(c) && luhn(siren) &&
         (12 + 3 * (value(siren) % 97)) % 97 == value(c.substr(0, 2));
}
bool croatia(View c) {
  return digits_only(c) && iso_mod_11_10(c);
}
bool hungary(View c) {
  static constexpr std::array<int, 8> kWeights = {9, 7, 3, 1, 9, 7, 3, 1};
  return digits_only(c) && weighted_sum(c, kWeights) % 10 == 0;
}
bool ireland(View c) {  // 7 digits and a letter, or two
  static constexpr std::array<int, 7> kWeights = {8, 7, 6, 5, 4, 3, 2};
  if (!digits_only(c.substr(0, 7)) || c[7] < 'A' || c[7] > 'W') return false;
  int sum = weighted_sum(c, kWeights);
  if (c.size() == 9) {
    if (c[8] < 'A' || c[8] > 'I') return false;
    sum += (c[8] - 'A' + 1) * 9;
  }
  return c[7] == "WABCDEFGHIJKLMNOPQRSTUV"[sum % 23];
}
bool italy(View c) {
  return digits_only(c) && value(c.substr(0, 7)) > 0 && luhn(c);
}
bool lithuania(View c) {  // organisations: 9; those that are registered for a time: 12
  static constexpr std::array<int, 13> kWeights = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4};
  if (!digits_only(c) || c[c.size() - 2] != '1') return false;
  const std::span<const int> weights(kWeights);
  int rest = weighted_sum(c, weights.subspan(0, c.size() - 1)) % 11;
  if (rest == 10) rest = weighted_sum(c, weights.subspan(2, c.size() - 1)) % 11 % 10;
  return rest == last(c);
}
bool luxembourg(View c) {
  return digits_only(c) && value(c.substr(0, 6)) % 89 == value(c.substr(6));
}
bool latvia(View c) {
  static constexpr std::array<int, 10> kWeights = {9, 1, 4, 8, 3, 10, 2, 5, 7, 6};
  if (!digits_only(c) || c[0] <= '3') return false;
  int rest = 3 - weighted_sum(c, kWeights) % 11;
  if (rest == -1) return false;
  if (rest < -1) rest += 11;
  return rest == last(c);
}
bool malta(View c) {
  static constexpr std::array<int, 6> kWeights = {3, 4, 6, 7, 8, 9};
  return digits_only(c) && 37 - weighted_sum(c, kWeights) % 37 == value(c.substr(6));
}
bool netherlands(View c) {  // 9 digits, B, 2 digits: the old check or the new one
  static constexpr std::array<int, 8> kWeights = {9, 8, 7, 6, 5, 4, 3, 2};
  if (c[9] != 'B' || !digits_only(c.substr(0, 9)) || !digits_only(c.substr(10))) return false;
  return weighted_sum(c, kWeights) % 11 == c[8] - '0' || mod_97("NL" + std::string(c)) == 1;
}
bool poland(View c) {
  static constexpr std::array<int, 9> kWeights = {6, 5, 7, 2, 3, 4, 5, 6, 7};
  return digits_only(c) && weighted_sum(c, kWeights) % 11 == last(c);
}
bool portugal(View c) {
  static constexpr std::array<int, 8> kWeights = {9, 8, 7, 6, 5, 4, 3, 2};
  if (!digits_only(c) || c[0] == '0') return false;
  const int check = 11 - weighted_sum(c, kWeights) % 11;
  return (check >= 10 ? 0 : check) == last(c);
}
bool romania(View c) {  // up to ten digits, counted from the right
  static constexpr std::array<int, 9> kWeights = {7, 5, 3, 2, 1, 7, 5, 3, 2};
  if (!digits_only(c)) return false;
  const std::string full = std::string(10 - c.size(), '0') + std::string(c);
  return weighted_sum(full, kWeights) * 10 % 11 % 10 == last(c);
}
bool sweden(View c) {
  return digits_only(c) && luhn(c.substr(0, 10)) && c.substr(10) != "00";
}
bool slovenia(View c) {
  static constexpr std::array<int, 7> kWeights = {8, 7, 6, 5, 4, 3, 2};
  if (!digits_only(c) || c[0] == '0') return false;
  const int check = 11 - weighted_sum(c, kWeights) % 11;
  return check != 11 && check % 10 == last(c);
}
bool slovakia(View c) {
  if (!digits_only(c) || c[0] == '0') return false;
  int rest = 0;
  for (char d : c) rest = (rest * 10 + d - '0') % 11;
  return rest == 0;
}

struct Country {
  View code;
  size_t length;  // after the letters
  bool (*checks)(View);
};
constexpr auto kCountries = std::to_array<Country>({
    {"AT", 9, austria},  {"BE", 10, belgium},  {"BG", 9, bulgaria},     {"CY", 9, cyprus},
    {"CZ", 8, czechia},  {"DE", 9, germany},   {"DK", 8, denmark},      {"EE", 9, estonia},
    {"EL", 9, greece},   {"ES", 9, spain},     {"FI", 8, finland},      {"FR", 11, france},
    {"HR", 11, croatia}, {"HU", 8, hungary},   {"IE", 8, ireland},      {"IE", 9, ireland},
    {"IT", 11, italy},   {"LT", 9, lithuania}, {"LT", 12, lithuania},   {"LU", 8, luxembourg},
    {"LV", 11, latvia},  {"MT", 8, malta},     {"NL", 12, netherlands}, {"PL", 10, poland},
    {"PT", 9, portugal}, {"RO", 10, romania},  {"RO", 9, romania},      {"RO", 8, romania},
    {"RO", 7, romania},  {"SE", 12, sweden},   {"SI", 8, slovenia},     {"SK", 10, slovakia},
});

}  // namespace

void find_eu_vat(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + 9 <= run.size(); ++i) {
    if (!run.border(i) || run.is_digit(i) || run.is_digit(i + 1)) continue;
    const View code = run.code();
    for (const Country& country : kCountries) {
      if (code.substr(i, 2) != country.code) continue;
      const size_t end = run.take(i, country.length + 2, kSoft);
      if (end == CodeRun::kNone || !run.ends(end)) continue;
      if (country.checks(code.substr(i + 2, country.length))) out.add(run, i, end, 0.75);
    }
  }
}

}  // namespace hearth::pii
