// IP addresses, versions 4 and 6. Addresses of no one (loopback, any, broadcast) score below what
// is reported; so does what follows a "v", for four numbers with dots are often a version.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "hearth/guard/pii/characters.h"
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

constexpr auto kLiterals = std::to_array<std::string_view>({"::"});
constexpr size_t kV6Max = 45;  // characters
constexpr double kOfNoOne = 0.2;

bool is_v6(char c) {
  return hex_value(c) >= 0 || c == ':' || c == '.';
}

// A zone belongs to the address: fe80::1%eth0.
size_t with_zone(std::string_view text, size_t end) {
  if (end + 1 >= text.size() || text[end] != '%' || !is_alnum(text[end + 1])) return end;
  size_t at = end + 1;
  while (at < text.size() && at - end < 16 && is_alnum(text[at])) ++at;
  return at;
}

// A prefix length belongs to the address: 10.0.0.0/8.
size_t with_prefix(std::string_view text, size_t end, int most) {
  if (end + 1 >= text.size() || text[end] != '/' || !is_digit(text[end + 1])) return end;
  size_t at = end + 1;
  int value = 0;
  while (at < text.size() && is_digit(text[at]) && value <= most)
    value = value * 10 + text[at++] - '0';
  return value <= most && (at == text.size() || !is_alnum(text[at])) ? at : end;
}

bool after_version_mark(std::string_view text, size_t at) {
  if (at == 0) return false;
  const char c = text[at - 1];
  return (c == 'v' || c == 'V') && (at < 2 || !is_letter(text[at - 2]));
}

double v6_score(std::string_view token) {
  const std::string address(token);
  in6_addr bytes{};
  if (::inet_pton(AF_INET6, address.c_str(), &bytes) != 1) return 0;
  static constexpr in6_addr kLoopback = IN6ADDR_LOOPBACK_INIT;
  static constexpr in6_addr kAny = IN6ADDR_ANY_INIT;
  const bool nobody = std::memcmp(&bytes, &kLoopback, sizeof bytes) == 0 ||
                      std::memcmp(&bytes, &kAny, sizeof bytes) == 0;
  if (nobody) return kOfNoOne;
  return token.size() >= 6 ? 0.85 : 0.4;
}

// The address around `at`, if one stands there.
void propose_v6(std::string_view text, size_t at, Proposals& out) {
  size_t begin = at, end = at;
  while (begin > 0 && is_v6(text[begin - 1]) && at - begin < kV6Max) --begin;
  while (end < text.size() && is_v6(text[end]) && end - at < kV6Max) ++end;
  if (end - begin > kV6Max) return;
  if (begin > 0 && (is_alnum(text[begin - 1]) || text[begin - 1] == '_')) return;
  if (end < text.size() && (is_alnum(text[end]) || text[end] == '_')) return;
  // Marks of the sentence.
  while (end > begin &&
         (text[end - 1] == '.' ||
          (text[end - 1] == ':' && !text.substr(begin, end - begin).ends_with("::"))))
    --end;
  while (begin < end && text[begin] == '.') ++begin;
  if (begin < end && text[begin] == ':' && text.substr(begin, 2) != "::") ++begin;
  const std::string_view token = text.substr(begin, end - begin);
  if (std::count(token.begin(), token.end(), ':') < 2) return;
  const double score = v6_score(token);
  if (score > 0) out.add(begin, with_prefix(text, with_zone(text, end), 128), score);
}

}  // namespace

void find_ipv4(const CodeRun& run, Proposals& out) {
  for (size_t i : run.starts()) {
    size_t at = i;
    std::array<uint64_t, 4> parts{};
    bool good = run.is_digit(i) && run.border(i);
    for (size_t k = 0; good && k < 4; ++k) {
      size_t end = at;
      while (end < run.size() && run.is_digit(end) && (end == at || !run.border(end))) ++end;
      good = end > at && end - at <= 3 && (k == 3 || (end < run.size() && run.gap(end) == kDot));
      if (!good) break;
      parts[k] = run.number(at, end);
      good = parts[k] <= 255 && (end - at == 1 || run[at] != '0');
      at = end;
    }
    if (!good || !run.ends(at)) continue;
    // A fifth number: a version, or a section.
    if (at < run.size() && run.gap(at) == kDot) continue;
    if (i > 0 && run.gap(i) == kDot) continue;
    const std::string_view text = run.text();
    const bool nobody = parts[0] == 0 || parts[0] == 255 ||
                        (parts[0] == 127 && parts[1] == 0 && parts[2] == 0) ||
                        after_version_mark(text, run.begin(i));
    const bool plain = std::all_of(parts.begin(), parts.end(), [](uint64_t p) { return p < 10; });
    const double score = nobody ? kOfNoOne : plain ? 0.4 : 0.7;
    out.add(run.begin(i), with_prefix(text, run.end(at - 1), 32), score);
  }
}

void find_ipv6(const CodeRun& run, Proposals& out) {
  if ((run.all_gaps() & kColon) == 0) return;
  // Once for each token: where a colon is, and none was just before it.
  size_t seen = 0;
  for (size_t i = 1; i < run.size(); ++i) {
    if (run.gap(i) != kColon || run.begin(i) < seen) continue;
    propose_v6(run.text(), run.begin(i), out);
    seen = run.begin(i) + kV6Max;
  }
}

Literals ipv6_literals() {
  return kLiterals;
}

void find_ipv6_at(std::string_view text, size_t at, size_t, Proposals& out) {
  propose_v6(text, at, out);
}

}  // namespace hearth::pii
