// See request_log.h.
#include "hearth/serve/request_log.h"

#include <fmt/chrono.h>

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"

namespace hearth::serve {
namespace {

std::string time_text() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void RequestLog::write(const std::string& line) {
  std::lock_guard lock(mutex_);
  fmt::print(stderr, "{}\n", line);
}

void RequestLog::request(const RequestRecord& r) {
  if (!requests_) return;
  const std::string path = excerpt(r.path, 120);
  if (json_) {
    const Json line = {{"time", time_text()},
                       {"level", "info"},
                       {"event", "request"},
                       {"request_id", r.id},
                       {"key", r.caller},
                       {"method", excerpt(r.method)},
                       {"path", path},
                       {"status", r.status},
                       {"ms", r.milliseconds},
                       {"prompt_tokens", r.usage.prompt_tokens},
                       {"completion_tokens", r.usage.completion_tokens},
                       {"outcome", r.outcome.empty() ? "complete" : r.outcome}};
    return write(dump(line));
  }
  write(fmt::format("{} {} {} {} {:.0f} ms {}+{} tokens {}{}{}", time_text(), excerpt(r.method),
                    path, r.status, r.milliseconds, r.usage.prompt_tokens,
                    r.usage.completion_tokens, r.id, r.outcome.empty() ? "" : " ", r.outcome));
}

void RequestLog::event(std::string_view level, std::string_view message) {
  if (json_) {
    return write(dump({{"time", time_text()},
                       {"level", std::string(level)},
                       {"event", "server"},
                       {"message", std::string(message)}}));
  }
  write(fmt::format("{} {} {}", time_text(), level, message));
}

}  // namespace hearth::serve
