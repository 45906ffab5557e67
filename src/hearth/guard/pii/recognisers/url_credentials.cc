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

}  // namespace

std::span<const std::string_view> url_literals() {
  return kLiterals;
}

void find_url_credentials(std::string_view text, size_t at, size_t end, Proposals& out) {
  size_t begin = at;
  while (begin > 0 && at - begin < kSchemeMax &&
         (is_alnum(text[begin - 1]) || text[begin - 1] == '+' || text[begin - 1] == '-')) {
    --begin;
  }
  size_t stop = end, sign = 0, colon = 0;
  while (stop < text.size() && stop - end < kUrlMax && !ends_url(text[stop])) {
    if (text[stop] == '/' && sign == 0) break;  // the authority ends without a user
    if (text[stop] == ':' && colon == 0 && sign == 0) colon = stop;
    if (text[stop] == '@' && sign == 0) sign = stop;
    ++stop;
  }
  const bool password = sign > 0 && colon > 0 && colon + 1 < sign;
  if (begin == at || !password || sign + 1 >= stop) return;
  while (stop > sign + 2 && std::string_view(".,;:!?)]}").find(text[stop - 1]) != text.npos) --stop;
  out.add(begin, stop, 0.97);
}

}  // namespace hearth::pii
