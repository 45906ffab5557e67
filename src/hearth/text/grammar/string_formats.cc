// See string_formats.h. Dates and times: RFC 3339 (a leap day only in years that have one, no leap
// seconds); names of hosts: RFC 1123, without two hyphens together, which begin names that must
// decode (RFC 5890); addresses of mail: dots and atoms of RFC 5322 before the @; IPv6: eight
// groups, without the short forms.
#include "hearth/text/grammar/string_formats.h"

#include <array>
#include <utility>

namespace hearth::grammar {
namespace {

#define HEARTH_DATE                                                                       \
  "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|" \
  "[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|[0-9]{2}(?:0[48]|[2468][048]|[13579][26])-02-29)"
#define HEARTH_TIME                                              \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?" \
  "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define HEARTH_LABEL "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,20}"
#define HEARTH_HOST HEARTH_LABEL "(?:\\." HEARTH_LABEL "){0,5}"

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kFormats = {{
    {"date", HEARTH_DATE},
    {"time", HEARTH_TIME},
    {"date-time", HEARTH_DATE "T" HEARTH_TIME},
    {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
    {"ipv4",
     "(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}"
     "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"},
    {"ipv6", "(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"},
    {"email", "[A-Za-z0-9_%+-]{1,32}(?:\\.[A-Za-z0-9_%+-]{1,32}){0,1}@" HEARTH_HOST},
    {"hostname", HEARTH_HOST},
}};

}  // namespace

std::optional<std::string_view> format_regex(std::string_view format) {
  for (const auto& [name, regex] : kFormats) {
    if (name == format) return regex;
  }
  return std::nullopt;
}

std::string_view offered_formats() {
  return "date, time, date-time, uuid, ipv4, ipv6, email or hostname";
}

}  // namespace hearth::grammar
