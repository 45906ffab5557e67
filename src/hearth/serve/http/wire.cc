// See wire.h.
#include "hearth/serve/http/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace hearth::serve {

std::string_view status_text(int status) {
  struct Named {
    int status;
    std::string_view text;
  };
  static constexpr std::array<Named, 20> kNames = {{{200, "OK"},
                                                    {204, "No Content"},
                                                    {304, "Not Modified"},
                                                    {400, "Bad Request"},
                                                    {401, "Unauthorized"},
                                                    {403, "Forbidden"},
                                                    {404, "Not Found"},
                                                    {405, "Method Not Allowed"},
                                                    {408, "Request Timeout"},
                                                    {409, "Conflict"},
                                                    {413, "Content Too Large"},
                                                    {414, "URI Too Long"},
                                                    {417, "Expectation Failed"},
                                                    {429, "Too Many Requests"},
                                                    {431, "Request Header Fields Too Large"},
                                                    {500, "Internal Server Error"},
                                                    {501, "Not Implemented"},
                                                    {502, "Bad Gateway"},
                                                    {503, "Service Unavailable"},
                                                    {504, "Gateway Timeout"}}};
  for (const Named& named : kNames) {
    if (named.status == status) return named.text;
  }
  return "Unknown";
}

std::string head_text(const WireHead& head) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", head.status, status_text(head.status));
  const auto add = [&](std::string_view name, std::string_view value) {
    out += fmt::format("{}: {}\r\n", name, value);
  };
  if (!head.content_type.empty()) add("Content-Type", head.content_type);
  const auto is_caching = [](const auto& header) { return header.first == "Cache-Control"; };
  if (std::none_of(head.headers.begin(), head.headers.end(), is_caching)) {
    add("Cache-Control", "no-store");
  }
  add("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : head.headers) add(name, value);
  if (head.length) add("Content-Length", fmt::format("{}", *head.length));
  if (head.chunked) add("Transfer-Encoding", "chunked");
  add("Connection", head.keep_alive ? "keep-alive" : "close");
  return out + "\r\n";
}

std::string chunk_text(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

}  // namespace hearth::serve
