// URLs that carry a user's password: scheme://user:password@host. The whole URL goes, since host
// and path say where the password opens.
#include <array>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr auto kLiterals = std::to_array<std::string_view>({"://"});
constexpr size_t kSchemeMax = 16, kUrlMax = 2048;

bool ends_url(char c) {
  return static_cast<uint8_t>(c) <= ' ' || !is_ascii(c) || c == '"' || c == '\'' || c == '<' ||
         c == '>' || c == '`' || c == '|' || c == '\\';
}

// Where the scheme before "://" at `at` begins.
size_t scheme_of(std::string_view text, size_t at) {
  size_t begin = at;
  while (begin > 0 && at - begin < kSchemeMax &&
         (is_alnum(text[begin - 1]) || text[begin - 1] == '+' || text[begin - 1] == '-')) {
    --begin;
  }
  return begin;
}

// The sign behind a user and a password that begin at `at`; 0: there are none.
size_t sign_after(std::string_view text, size_t at) {
  size_t colon = 0;
  for (size_t i = at; i < text.size() && i - at < kUrlMax && !ends_url(text[i]); ++i) {
    if (text[i] == '/') return 0;  // the authority ends without a user
    if (text[i] == '@') return colon > 0 && colon + 1 < i ? i : 0;
    if (text[i] == ':' && colon == 0) colon = i;
  }
  return 0;
}

}  // namespace

Literals url_literals() {
  return kLiterals;
}

// A URL ends where another with a password begins, if not before: else each of many would be read
// on for kUrlMax bytes.
void find_url_credentials(std::string_view text, size_t at, size_t end, Proposals& out) {
  const size_t begin = scheme_of(text, at);
  if (begin == at) return;
  const size_t sign = sign_after(text, end);
  if (sign == 0) return;
  size_t stop = sign + 1;
  for (; stop < text.size() && stop - end < kUrlMax && !ends_url(text[stop]); ++stop) {
    if (!text.substr(stop).starts_with(kLiterals[0])) continue;
    const size_t other = scheme_of(text, stop);
    if (other == stop || sign_after(text, stop + kLiterals[0].size()) == 0) continue;
    out.add(begin, other, 0.97);
    return;
  }
  if (sign + 1 >= stop) return;
  while (stop > sign + 2 && std::string_view(".,;:!?)]}").find(text[stop - 1]) != text.npos) --stop;
  out.add(begin, stop, 0.97);
}

}  // namespace hearth::pii
