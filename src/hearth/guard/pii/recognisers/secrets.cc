// Secrets that say what they are: keys of services by their prefixes, private keys in PEM, JSON web
// tokens. The value that follows must look drawn at random, so that "sk-" in a word is none.
#include <algorithm>
#include <array>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr size_t kTokenMax = 4096;
constexpr size_t kPemMax = 16384;

struct Prefix {
  std::string_view text;  // as it is written
  size_t least;           // characters that follow
};
constexpr auto kPrefixes = std::to_array<Prefix>({
    {"sk-", 20},         {"sk_live_", 16}, {"sk_test_", 16}, {"rk_live_", 16}, {"pk_live_", 16},
    {"ghp_", 30},        {"gho_", 30},     {"ghu_", 30},     {"ghs_", 30},     {"ghr_", 30},
    {"github_pat_", 30}, {"glpat-", 18},   {"xoxb-", 20},    {"xoxp-", 20},    {"xoxa-", 20},
    {"AKIA", 16},        {"ASIA", 16},     {"AIza", 33},     {"ya29.", 20},    {"hf_", 30},
    {"npm_", 30},        {"pypi-", 40},    {"SG.", 40},      {"LTAI", 12},     {"AKID", 28},
    {"dop_v1_", 40},     {"shpat_", 30},   {"tvly-", 24},    {"nvapi-", 40},   {"hearth-", 64},
});
// The same in lower case, as the automaton has literals.
constexpr size_t kPrefixBytesMax = 16;
constexpr auto kLowerPrefixes = [] {
  std::array<std::array<char, kPrefixBytesMax>, kPrefixes.size()> out{};
  for (size_t i = 0; i < out.size(); ++i) {
    std::transform(kPrefixes[i].text.begin(), kPrefixes[i].text.end(), out[i].begin(), to_lower);
  }
  return out;
}();
constexpr auto kKeyLiterals = [] {
  std::array<std::string_view, kPrefixes.size()> out;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = {kLowerPrefixes[i].data(), kPrefixes[i].text.size()};
  }
  return out;
}();
constexpr std::string_view kPemBegin = "-----begin ";
constexpr auto kPemLiterals = std::to_array({kPemBegin});
constexpr auto kJwtLiterals = std::to_array<std::string_view>({"eyj"});

bool is_token(char c) {
  return is_alnum(c) || c == '-' || c == '_';
}

size_t token_end(std::string_view text, size_t at) {
  const size_t begin = at;
  while (at < text.size() && at - begin < kTokenMax && is_token(text[at])) ++at;
  return at;
}

bool bounded(std::string_view text, size_t at) {
  return at == 0 || !is_token(text[at - 1]);
}

// At least two of: capitals, small letters, digits; or hexadecimal of some length.
bool drawn_at_random(std::string_view value) {
  bool upper = false, lower = false, digit = false;
  for (char c : value) {
    upper = upper || is_upper(c);
    lower = lower || is_lower(c);
    digit = digit || is_digit(c);
  }
  return digit && (upper || lower);
}

}  // namespace

Literals api_key_literals() {
  return kKeyLiterals;
}

void find_api_key(std::string_view text, size_t at, size_t, Proposals& out) {
  if (!bounded(text, at)) return;
  for (const Prefix& prefix : kPrefixes) {
    if (text.substr(at, prefix.text.size()) != prefix.text) continue;
    size_t begin = at + prefix.text.size(), end = token_end(text, begin);
    // One more part after a dot: "SG.x.y".
    if (prefix.text.ends_with('.') && end < text.size() && text[end] == '.') {
      end = token_end(text, end + 1);
    }
    if (end - begin >= prefix.least && drawn_at_random(text.substr(begin, end - begin))) {
      out.add(at, end, 0.95);
    }
  }
}

Literals private_key_literals() {
  return kPemLiterals;
}

// A key ends where another begins, if not before: else each of many beginnings would be read on for
// kPemMax bytes.
void find_private_key(std::string_view text, size_t at, size_t end, Proposals& out) {
  constexpr std::string_view kKey = "PRIVATE KEY", kEnd = "-----END ", kDashes = "-----";
  const std::string_view head = text.substr(end, 48);
  const size_t dashes = head.find(kDashes);
  if (dashes == head.npos || head.substr(0, dashes).find(kKey) == head.npos) return;
  std::string_view body = text.substr(end, kPemMax);
  const auto next = std::search(body.begin(), body.end(), kPemBegin.begin(), kPemBegin.end(),
                                [](char c, char of) { return to_lower(c) == of; });
  const auto foreign = std::find_if_not(body.begin(), next, is_ascii);
  body = body.substr(0, static_cast<size_t>(foreign - body.begin()));
  const size_t foot = body.find(kEnd);
  if (foot == body.npos) {  // cut off: what there is of it
    out.add(at, end + body.size(), 0.95);
    return;
  }
  const size_t close = body.find(kDashes, foot + kEnd.size());
  out.add(at, close == body.npos ? end + body.size() : end + close + kDashes.size(), 1);
}

Literals jwt_literals() {
  return kJwtLiterals;
}

// Three parts with dots between; the first two are JSON objects, which begin "eyJ" in base64.
void find_jwt(std::string_view text, size_t at, size_t, Proposals& out) {
  if (!bounded(text, at) || text.substr(at, 3) != "eyJ") return;
  const size_t head = token_end(text, at);
  if (head - at < 12 || text.substr(head, 4) != ".eyJ") return;
  const size_t body = token_end(text, head + 1);
  if (body >= text.size() || text[body] != '.') return;
  const size_t end = token_end(text, body + 1);
  if (end - body > 8) out.add(at, end, 0.99);
}

}  // namespace hearth::pii
