// See http_headers.h.
#include "hearth/store/http_headers.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "hearth/files/outside_bytes.h"

namespace hearth::store {
namespace {

constexpr size_t kEtagMax = 200;
constexpr double kRetryAfterMax = 300;  // seconds

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

bool read_number(std::string_view text, int64_t& out) {
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc() && stop == text.data() + text.size() && out >= 0;
}

Status refuse(std::string_view name, std::string_view value) {
  return error(Code::corrupt, "the server's header {} is `{}`", name, excerpt(value));
}

// bytes 100-199/200
Status read_content_range(std::string_view value, HttpHead& head) {
  const size_t space = value.find(' ');
  const size_t dash = value.find('-');
  const size_t slash = value.find('/');
  int64_t last = 0;
  const bool ok = space < dash && dash < slash && slash != value.npos &&
                  same_word(value.substr(0, space), "bytes") &&
                  read_number(trimmed(value.substr(space, dash - space)), head.range_begin) &&
                  read_number(value.substr(dash + 1, slash - dash - 1), last) &&
                  read_number(value.substr(slash + 1), head.range_total) &&
                  head.range_begin <= last && last < head.range_total;
  return ok ? Status::ok() : refuse("Content-Range", value);
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace

Status read_header_line(std::string_view line, HttpHead& head, double& retry_after) {
  line = trimmed(line);
  if (line.starts_with("HTTP/")) {
    head = HttpHead();
    retry_after = 0;
    return Status::ok();
  }
  const size_t colon = line.find(':');
  if (colon == line.npos) return Status::ok();
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (same_word(name, "content-length")) {
    if (!read_number(value, head.length)) return refuse("Content-Length", value);
  } else if (same_word(name, "content-range")) {
    // With status 416 it is `bytes */200`, and nothing follows.
    if (value.find('*') == value.npos) return read_content_range(value, head);
  } else if (same_word(name, "content-encoding")) {
    if (!same_word(value, "identity") && !value.empty()) {
      return error(Code::corrupt, "expected plain bytes, found Content-Encoding {}",
                   excerpt(value));
    }
  } else if (same_word(name, "etag")) {
    // A weak one (W/"...") doesn't promise the same bytes.
    if (value.starts_with('"') && value.size() <= kEtagMax && is_printable(value)) {
      head.etag = value;
    }
  } else if (same_word(name, "retry-after")) {
    int64_t seconds = 0;
    if (read_number(value, seconds)) {
      retry_after = std::min(static_cast<double>(seconds), kRetryAfterMax);
    }
  }
  return Status::ok();
}

}  // namespace hearth::store
