// See request_timeout.h.
#include "hearth/serve/request_timeout.h"

#include <charconv>

#include "hearth/files/outside_bytes.h"

namespace hearth::serve {
namespace {

// nullopt: no such number.
std::optional<double> seconds_of(std::string_view text) {
  double unit = 1;
  if (text.ends_with("ms")) {
    unit = 1e-3;
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
  }
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const double seconds = number * unit;
  const bool good = failure == std::errc() && stop == end && seconds > 0;
  return good && seconds <= kRequestTimeoutMax ? std::optional(seconds) : std::nullopt;
}

}  // namespace

std::optional<ApiError> read_request_timeout(
    std::string_view header, std::optional<std::chrono::steady_clock::time_point>& out) {
  using Clock = std::chrono::steady_clock;
  if (header.empty()) return std::nullopt;
  const std::optional<double> seconds = seconds_of(header);
  if (!seconds) {
    return bad_field("X-Request-Timeout", "invalid_value",
                     fmt::format("X-Request-Timeout: expected seconds in (0, {}], or milliseconds "
                                 "as 1500ms, found `{}`",
                                 kRequestTimeoutMax, excerpt(header)));
  }
  out = Clock::now() +
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(*seconds));
  return std::nullopt;
}

}  // namespace hearth::serve
