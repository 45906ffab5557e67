// Spain: the tax number of persons: DNI (eight digits and a letter modulo 23) and NIE (X, Y or Z,
// seven digits and the letter).
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";

}  // namespace

void find_spanish_nif(const CodeRun& run, Proposals& out) {
  for (size_t i = 0; i + 9 <= run.size(); ++i) {
    if (!run.border(i)) continue;
    const size_t end = run.take(i, 9, kSoft);
    if (end == CodeRun::kNone || !run.ends(end) || !run.all_digits(i + 1, i + 8)) continue;
    const size_t foreign = std::string_view("XYZ").find(run[i]);
    if (!run.is_digit(i) && foreign == std::string_view::npos) continue;
    const uint64_t first = run.is_digit(i) ? static_cast<uint64_t>(run.digit(i)) : foreign;
    const uint64_t number = first * 10'000'000 + run.number(i + 1, i + 8);
    if (kLetters[number % 23] == run[i + 8]) out.add(run, i, end, 0.75);
  }
}

}  // namespace hearth::pii
