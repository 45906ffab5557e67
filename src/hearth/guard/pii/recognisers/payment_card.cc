// Payment cards: an issuer's prefix and length (ISO/IEC 7812) and the Luhn digit. UnionPay's are
// told apart, since Chinese bank cards are mostly theirs; other domestic prefixes need a word.
#include <algorithm>
#include <array>

#include "hearth/guard/pii/check_digits.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr size_t kLengthMin = 12;
constexpr size_t kLengthMax = 19;

// Prefixes from `low` to `high`, both as numbers of `digits` digits, and the lengths of the cards
// as bits.
struct Issuer {
  uint64_t low, high;
  size_t digits;
  uint32_t lengths;
};
constexpr uint32_t length(size_t n) {
  return uint32_t{1} << n;
}
constexpr uint32_t kAny16To19 = length(16) | length(17) | length(18) | length(19);
constexpr std::array<Issuer, 14> kIssuers = {{
    {4, 4, 1, length(13) | length(16) | length(19)},  // Visa
    {51, 55, 2, length(16)},                          // Mastercard
    {2221, 2720, 4, length(16)},                      // Mastercard
    {34, 34, 2, length(15)},                          // American Express
    {37, 37, 2, length(15)},                          // American Express
    {300, 305, 3, length(14)},                        // Diners Club
    {36, 36, 2, length(14)},                          // Diners Club
    {38, 39, 2, length(14) | length(16)},             // Diners Club
    {6011, 6011, 4, kAny16To19},                      // Discover
    {644, 659, 3, kAny16To19},                        // Discover, RuPay
    {3528, 3589, 4, kAny16To19},                      // JCB
    {1800, 1800, 4, length(15)},                      // JCB
    {2131, 2131, 4, length(15)},                      // JCB
    {2200, 2204, 4, kAny16To19},                      // Mir
}};
// Maestro: many prefixes, any length.
constexpr std::array<uint64_t, 9> kMaestro = {5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763};

bool known_issuer(const CodeRun& run, size_t i, size_t count) {
  for (const Issuer& issuer : kIssuers) {
    if ((issuer.lengths & length(count)) == 0) continue;
    const uint64_t prefix = run.number(i, i + issuer.digits);
    if (prefix >= issuer.low && prefix <= issuer.high) return true;
  }
  const uint64_t four = run.number(i, i + 4);
  return std::find(kMaestro.begin(), kMaestro.end(), four) != kMaestro.end();
}

// Groups as cards are embossed and written.
bool usual_shape(const CodeRun& run, size_t i, size_t end) {
  static constexpr std::array<uint64_t, 11> kShapes = {4444, 44443, 465,   464, 44441, 44442,
                                                       682,  4443,  66447, 88,  4448};
  if (run.one_group(i, end) || run.spelled(i, end)) return true;
  // The issuer's six digits, then the rest, which may be more than a shape tells.
  if (end - i >= 16 && run.border(i + 6) && run.one_group(i, i + 6) && run.one_group(i + 6, end))
    return true;
  const uint64_t shape = run.shape(i, end);
  if (std::find(kShapes.begin(), kShapes.end(), shape) != kShapes.end()) return true;
  for (size_t k = i + 1; k < end; ++k) {
    if (run.border(k) && run.gap(k) != kNothing) return false;
  }
  return true;
}

bool all_same(std::string_view digits) {
  return digits.find_first_not_of(digits[0]) == digits.npos;
}

// Calls `look(i, end)` for each span of digits that ends where a card's number may.
template <typename Look>
void each_card(const CodeRun& run, Look look) {
  for (size_t i : run.starts()) {
    if (!run.is_digit(i)) continue;
    for (size_t count = kLengthMax; count >= kLengthMin; --count) {
      const size_t end = run.take_digits(i, count, kSoft);
      if (end == CodeRun::kNone || !run.ends(end) || !usual_shape(run, i, end)) continue;
      const std::string_view digits = run.code().substr(i, count);
      if (luhn(digits) && !all_same(digits)) look(i, end);
    }
  }
}

bool is_unionpay(const CodeRun& run, size_t i, size_t end) {
  return end - i >= 16 && run[i] == '6' && (run[i + 1] == '2' || run.number(i, i + 2) == 81);
}

}  // namespace

void find_payment_card(const CodeRun& run, Proposals& out) {
  each_card(run, [&](size_t i, size_t end) {
    if (is_unionpay(run, i, end)) return;
    if (known_issuer(run, i, end - i)) {
      // Visa's thirteen digits are of long ago: what else such a number may be is likelier.
      out.add(run, i, end, end - i == 13 ? 0.45 : 0.75);
    } else if (run.border(i)) {  // not the digits of a code that begins with letters
      out.add(run, i, end, 0.25);
    }
  });
}

void find_unionpay(const CodeRun& run, Proposals& out) {
  each_card(run, [&](size_t i, size_t end) {
    if (is_unionpay(run, i, end)) out.add(run, i, end, 0.75);
  });
}

}  // namespace hearth::pii
