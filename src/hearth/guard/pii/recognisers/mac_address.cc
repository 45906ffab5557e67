// Hardware addresses (EUI-48): six pairs of hexadecimal digits with one kind of mark between them,
// or three groups of four with dots. All zeros and all ones belong to no one.
#include <algorithm>
#include <array>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr size_t kBytes = 17;  // as XX:XX:XX:XX:XX:XX
constexpr size_t kDottedBytes = 14;
constexpr auto kLiterals = std::to_array<std::string_view>({"mac", "hardware", "physical"});
constexpr size_t kLooksAhead = 32;  // bytes behind such a word

bool is_mac(std::string_view text, size_t group, std::string_view marks) {
  const char mark = text[group];
  if (marks.find(mark) == marks.npos) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_mark = i % (group + 1) == group;
    if (is_mark ? text[i] != mark : hex_value(text[i]) < 0) return false;
  }
  return true;
}

double score_of(std::string_view address) {
  const size_t other =
      address.find_first_not_of(std::string(1, address[0]) + address[address.find_first_of(":-.")]);
  const bool same = other == address.npos;
  return same && (address[0] == '0' || to_upper(address[0]) == 'F') ? 0.2 : 0.8;
}

// The end of the address that begins at `begin`; 0: none does.
size_t propose_at(std::string_view text, size_t begin, Proposals& out) {
  for (size_t length : {kBytes, kDottedBytes}) {
    const std::string_view token = text.substr(begin, length);
    if (token.size() < length) continue;
    const bool good = length == kBytes ? is_mac(token, 2, ":-") : is_mac(token, 4, ".");
    const size_t end = begin + length;
    const bool goes_on = end < text.size() && (is_alnum(text[end]) || text[end] == token[2] ||
                                               (text[end] == ':' && length == kBytes));
    const bool sentence =
        goes_on && !is_alnum(text[end]) && (end + 1 == text.size() || hex_value(text[end + 1]) < 0);
    if (!good || (goes_on && !sentence)) continue;
    out.add(begin, end, score_of(token));
    return end;
  }
  return 0;
}

}  // namespace

void find_mac(const CodeRun& run, Proposals& out) {
  const std::string_view text = run.text();
  // The first pairs may be letters, which stand before the run: begin at the token's beginning.
  size_t seen = 0;
  for (size_t i : run.starts()) {
    if (run.begin(i) < seen) continue;
    size_t begin = run.begin(i);
    while (begin > 0 && run.begin(i) - begin < kBytes &&
           (hex_value(text[begin - 1]) >= 0 || text[begin - 1] == ':' || text[begin - 1] == '-')) {
      --begin;
    }
    if (begin < text.size() && (text[begin] == ':' || text[begin] == '-')) ++begin;
    if (begin > 0 && is_alnum(text[begin - 1])) continue;
    seen = std::max(seen, propose_at(text, begin, out));
  }
}

Literals mac_literals() {
  return kLiterals;
}

// An address may be letters alone, where no digit calls for a look: behind a word there is one.
void find_mac_behind_word(std::string_view text, size_t, size_t end, Proposals& out) {
  const size_t last = std::min(text.size(), end + kLooksAhead);
  for (size_t begin = end; begin < last; ++begin) {
    if (hex_value(text[begin]) < 0 || is_alnum(text[begin - 1])) continue;
    // Not the later pairs of an address that is longer.
    const bool later = begin - end >= 2 && hex_value(text[begin - 2]) >= 0 &&
                       std::string_view(":-.").find(text[begin - 1]) != std::string_view::npos;
    if (!later) propose_at(text, begin, out);
  }
}

}  // namespace hearth::pii
