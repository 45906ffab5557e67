// Our half of HTTP/1.1 as text: the head of a reply and the frame of a chunk. Values of headers
// come from us alone; what a client chose was checked to be a word before.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::serve {

struct WireHead {
  int status = 200;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<size_t> length;  // absent: the body comes in chunks, or ends with the connection
  bool keep_alive = true;
  bool chunked = false;
};

std::string_view status_text(int status);
std::string head_text(const WireHead& head);
std::string chunk_text(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace hearth::serve
