// International bank account numbers (ISO 13616): the country's length and kind of account number,
// and a remainder of 1 modulo 97.
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

struct Country {
  std::string_view code;
  size_t length;
  bool digits;  // its account numbers have no letters
};
constexpr auto kCountries = std::to_array<Country>({
    {"AD", 24, false}, {"AE", 23, true},  {"AL", 28, false}, {"AT", 20, true},  {"AZ", 28, false},
    {"BA", 20, true},  {"BE", 16, true},  {"BG", 22, false}, {"BH", 22, false}, {"BI", 27, true},
    {"BR", 29, false}, {"BY", 28, false}, {"CH", 21, false}, {"CR", 22, true},  {"CY", 28, false},
    {"CZ", 24, true},  {"DE", 22, true},  {"DJ", 27, true},  {"DK", 18, true},  {"DO", 28, false},
    {"EE", 20, true},  {"EG", 29, true},  {"ES", 24, true},  {"FI", 18, true},  {"FK", 18, false},
    {"FO", 18, true},  {"FR", 27, false}, {"GB", 22, false}, {"GE", 22, false}, {"GI", 23, false},
    {"GL", 18, true},  {"GR", 27, false}, {"GT", 28, false}, {"HN", 28, false}, {"HR", 21, true},
    {"HU", 28, true},  {"IE", 22, false}, {"IL", 23, true},  {"IQ", 23, false}, {"IS", 26, true},
    {"IT", 27, false}, {"JO", 30, false}, {"KW", 30, false}, {"KZ", 20, false}, {"LB", 28, false},
    {"LC", 32, false}, {"LI", 21, false}, {"LT", 20, true},  {"LU", 20, false}, {"LV", 21, false},
    {"LY", 25, true},  {"MC", 27, false}, {"MD", 24, false}, {"ME", 22, true},  {"MK", 19, false},
    {"MN", 20, true},  {"MR", 27, true},  {"MT", 31, false}, {"MU", 30, false}, {"NI", 28, false},
    {"NL", 18, false}, {"NO", 15, true},  {"OM", 23, false}, {"PK", 24, false}, {"PL", 28, true},
    {"PS", 29, false}, {"PT", 25, true},  {"QA", 29, false}, {"RO", 24, false}, {"RS", 22, true},
    {"RU", 33, false}, {"SA", 24, false}, {"SC", 31, false}, {"SD", 18, true},  {"SE", 24, true},
    {"SI", 19, true},  {"SK", 24, true},  {"SM", 27, false}, {"SO", 23, true},  {"ST", 25, true},
    {"SV", 28, false}, {"TL", 23, true},  {"TN", 24, true},  {"TR", 26, false}, {"UA", 29, false},
    {"VA", 22, true},  {"VG", 24, false}, {"XK", 20, true},
});

const Country* country(std::string_view code) {
  for (const Country& c : kCountries) {
    if (c.code == code) return &c;
  }
  return nullptr;
}

}  // namespace

void find_iban(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + 15 <= run.size(); ++i) {
    if (!run.border(i) || run.is_digit(i) || run.is_digit(i + 1)) continue;
    if (!run.is_digit(i + 2) || !run.is_digit(i + 3) || run.border(i + 1)) continue;
    const std::string_view code = run.code();
    const Country* of = country(code.substr(i, 2));
    if (!of) continue;
    const size_t end = run.take(i, of->length, kSoft);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    if (of->digits && !run.all_digits(i + 4, end)) continue;
    std::string turned(code.substr(i + 4, of->length - 4));
    turned += code.substr(i, 4);
    if (mod_97(turned) == 1) out.add(run, i, end, 0.95);
  }
}

}  // namespace hearth::pii
