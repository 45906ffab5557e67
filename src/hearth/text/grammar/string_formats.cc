// See string_formats.h. Dates and times: RFC 3339 (a leap day only in years that have one, no leap
// seconds); names of hosts: RFC 1123, without two hyphens together, which begin names that must
// decode (RFC 5890); addresses of mail: dots and atoms of RFC 5322 before the @; IPv6: all forms of
// RFC 4291.
#include "hearth/text/grammar/string_formats.h"

#include <fmt/format.h>

#include <array>
#include <string>

namespace hearth::grammar {
namespace {

#define HEARTH_DATE                                                                          \
  "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|"    \
  "[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|" \
  "(?:[02468][048]|[13579][26])00)-02-29)"
#define HEARTH_TIME                                              \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?" \
  "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define HEARTH_IPV4                                         \
  "(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}" \
  "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define HEARTH_LABEL "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,20}"
#define HEARTH_ATOM "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,32}"

// Eight groups, the last two of them perhaps as IPv4; `::` may stand for one or more.
std::string ipv6_regex() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string last = fmt::format("(?:{0}:{0}|{1})", group, HEARTH_IPV4);
  std::string out = fmt::format("(?:{}:){{6}}{}", group, last);
  const auto shortened = [&](int before, const std::string& behind) {
    const std::string some = fmt::format("(?:(?:{0}:){{0,{1}}}{0})?", group, before - 1);
    out += fmt::format("|{}::{}", before > 0 ? some : "", behind);
  };
  for (int before = 0; before <= 5; ++before) {
    shortened(before, fmt::format("(?:{}:){{{}}}{}", group, 5 - before, last));
  }
  shortened(6, group);
  shortened(7, "");
  return out;
}

const std::array<StringFormat, 8>& formats() {
  static const std::array<StringFormat, 8> kFormats = {{
      {"date", HEARTH_DATE, 10, 10},
      {"time", HEARTH_TIME, 9, 24},
      {"date-time", HEARTH_DATE "T" HEARTH_TIME, 20, 35},
      {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", 36,
       36},
      {"ipv4", HEARTH_IPV4, 7, 15},
      {"ipv6", ipv6_regex(), 2, 45},
      {"email", HEARTH_ATOM "(?:\\." HEARTH_ATOM ")?@" HEARTH_LABEL "(?:\\." HEARTH_LABEL "){0,3}",
       3, 233},
      {"hostname", HEARTH_LABEL "(?:\\." HEARTH_LABEL "){0,5}", 1, 251},
  }};
  return kFormats;
}

}  // namespace

const StringFormat* find_format(std::string_view name) {
  for (const StringFormat& format : formats()) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

std::string_view offered_formats() {
  return "date, time, date-time, uuid, ipv4, ipv6, email or hostname";
}

}  // namespace hearth::grammar
