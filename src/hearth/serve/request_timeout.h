// The header X-Request-Timeout: how long a client will wait.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "hearth/serve/api_error.h"

namespace hearth::serve {

inline constexpr double kRequestTimeoutMax = 86400;  // seconds

// "30", "2.5" and "30s" are seconds, "1500ms" milliseconds; "": the client waits as long as it
// takes. `out` is then counted from now. 400 for anything else, and outside (0, 86400 s].
std::optional<ApiError> read_request_timeout(
    std::string_view header, std::optional<std::chrono::steady_clock::time_point>& out);

}  // namespace hearth::serve
