// Passwords and unnamed keys: the value after a word that announces one and a mark of assignment:
// "password: hunter2", "api_key=…", "密码是…". Without such a word nothing tells them from text.
#include <array>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr auto kLiterals = std::to_array<std::string_view>(
    {"password", "passwd", "passphrase", "pwd", "api_key", "apikey", "api key", "secret_key",
     "secret key", "client_secret", "access_token", "auth_token", "密码", "密碼", "口令", "密钥",
     "密鑰"});
constexpr auto kMarks = std::to_array<std::string_view>({":", "=", "：", "＝"});
constexpr auto kVerbs = std::to_array<std::string_view>({"is", "was", "是", "为", "為"});
constexpr size_t kValueMin = 4, kValueMax = 256;

size_t skip_spaces(std::string_view text, size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  return at;
}

// Where the value begins, after a mark; 0: no mark follows. `sure`: it is an assignment.
size_t value_begin(std::string_view text, size_t at, bool& sure) {
  if (at < text.size() && (text[at] == '"' || text[at] == '\'')) ++at;  // "password": in JSON
  at = skip_spaces(text, at);
  for (std::string_view mark : kMarks) {
    if (!text.substr(at).starts_with(mark)) continue;
    sure = true;
    at = skip_spaces(text, at + mark.size());
    if (at < text.size() && text[at] == '=') ++at;  // := and ==
    return skip_spaces(text, at);
  }
  for (std::string_view verb : kVerbs) {
    if (!text.substr(at).starts_with(verb)) continue;
    const size_t after = skip_spaces(text, at + verb.size());
    const bool apart = !is_letter(verb[0]) || after > at + verb.size();
    if (!apart) return 0;
    for (std::string_view mark : kMarks) {
      if (text.substr(after).starts_with(mark)) return skip_spaces(text, after + mark.size());
    }
    return after;
  }
  return 0;
}

bool in_value(char c) {
  return static_cast<uint8_t>(c) > ' ' && is_ascii(c) && c != '"' && c != '\'' && c != '`' &&
         c != '<' && c != '>' && c != '\\';
}

// A word of the language is no password, unless it is assigned.
bool like_password(std::string_view value, bool sure) {
  bool digit = false, mark = false, upper = false, lower = false;
  for (char c : value) {
    digit = digit || is_digit(c);
    upper = upper || is_upper(c);
    lower = lower || is_lower(c);
    mark = mark || !is_alnum(c);
  }
  if (digit || (mark && (upper || lower))) return true;
  return sure && value.size() >= 6 && (upper || lower);
}

}  // namespace

Literals password_literals() {
  return kLiterals;
}

void find_password(std::string_view text, size_t, size_t end, Proposals& out) {
  bool sure = false;
  size_t begin = value_begin(text, end, sure);
  if (begin == 0 || begin >= text.size()) return;
  const char quote = text[begin];
  const bool quoted = quote == '"' || quote == '\'' || quote == '`';
  if (quoted) ++begin;
  size_t stop = begin;
  while (stop < text.size() && stop - begin < kValueMax && in_value(text[stop])) ++stop;
  if (!quoted) {
    while (stop > begin && std::string_view(".,;:!?)]}").find(text[stop - 1]) != text.npos) --stop;
  }
  const std::string_view value = text.substr(begin, stop - begin);
  if (value.size() < kValueMin || value.starts_with("${") || value.starts_with("{{")) return;
  if (like_password(value, sure || quoted)) out.add(begin, stop, sure ? 0.8 : 0.65);
}

}  // namespace hearth::pii
