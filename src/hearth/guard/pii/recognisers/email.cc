// E-mail addresses: around an @, a local part and a domain with a top level (RFC 5321, as people
// write it: no quoted local parts, no address literals). Letters beyond ASCII are taken where the
// script has spaces between words; Chinese beside an address is the sentence around it.
#include <array>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr auto kLiterals = std::to_array<std::string_view>({"@", "＠"});
constexpr size_t kLocalMax = 64, kDomainMax = 255;  // bytes, by the standard

bool is_local(char c) {
  return is_alnum(c) || std::string_view(".!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

size_t local_begin(std::string_view text, size_t at) {
  size_t begin = at;
  while (begin > 0 && at - begin < kLocalMax) {
    const char c = text[begin - 1];
    if (is_ascii(c)) {
      if (!is_local(c)) break;
      --begin;
      continue;
    }
    const size_t before = previous_character(text, begin);
    if (!is_foreign_letter(code_point_at(text, before).value)) break;
    begin = before;
  }
  // Sentences put marks before an address, not letters.
  while (begin < at && is_ascii(text[begin]) && !is_alnum(text[begin]) && text[begin] != '_')
    ++begin;
  return begin;
}

// The end of the domain that begins at `at`; `at` itself: there is none.
size_t domain_end(std::string_view text, size_t at) {
  size_t end = at, label = at, dots = 0, last_label = at;
  bool foreign = false;
  while (end < text.size() && end - at < kDomainMax) {
    const char c = text[end];
    if (is_alnum(c) || (c == '-' && end > label)) {
      ++end;
    } else if (c == '.' && end > label && text[end - 1] != '-') {
      const bool more =
          end + 1 < text.size() &&
          (is_alnum(text[end + 1]) || is_foreign_letter(code_point_at(text, end + 1).value));
      if (!more) break;
      last_label = label = ++end;
      ++dots;
    } else if (!is_ascii(c)) {
      const CodePoint point = code_point_at(text, end);
      if (!is_foreign_letter(point.value)) break;
      foreign = true;
      end += point.length;
    } else {
      break;
    }
  }
  while (end > at && (text[end - 1] == '-' || text[end - 1] == '.')) --end;
  if (dots == 0 || end < last_label + 2) return at;
  // A top level of ASCII is letters only, or xn-- and a code.
  const std::string_view top = text.substr(last_label, end - last_label);
  if (!foreign && !top.starts_with("xn--")) {
    for (char c : top) {
      if (!is_letter(c)) return at;
    }
  }
  return end;
}

}  // namespace

Literals email_literals() {
  return kLiterals;
}

void find_email(std::string_view text, size_t at, size_t end, Proposals& out) {
  const size_t begin = local_begin(text, at);
  if (begin == at || text[at - 1] == '.' ||
      text.substr(begin, at - begin).find("..") != text.npos) {
    return;
  }
  const size_t domain = domain_end(text, end);
  if (domain > end) out.add(begin, domain, 0.95);
}

}  // namespace hearth::pii
