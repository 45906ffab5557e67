// See system_root.h. Files of /proc and /sys tell no size, so they are read until their end.
#include "hearth/sensors/system_root.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "hearth/base/checked_math.h"

namespace hearth {
namespace {

constexpr size_t kFileBytesMax = 4 << 20;
constexpr int64_t kCpuMax = 65535;

}  // namespace

Result<std::string> SystemRoot::read(const std::string& path) const {
  const std::string full = prefix_ + path;
  const int fd = ::open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return error(Code::not_found, "{}: {}", full, std::strerror(errno));
  std::string text;
  char chunk[16384];
  for (;;) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || text.size() + static_cast<size_t>(got) > kFileBytesMax) {
      const int reason = got < 0 ? errno : 0;
      ::close(fd);
      if (got == 0) return text;
      return error(Code::corrupt, "{}: {}", full, reason != 0 ? std::strerror(reason) : "too long");
    }
    text.append(chunk, static_cast<size_t>(got));
  }
}

std::optional<std::string> SystemRoot::read_line(const std::string& path) const {
  auto text = read(path);
  if (!text) return std::nullopt;
  return std::string(trim(*text));
}

std::optional<int64_t> SystemRoot::read_int(const std::string& path) const {
  const auto line = read_line(path);
  return line ? parse_int(*line) : std::nullopt;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace(" \t\r\n\0", 5);  // device-tree strings end in a zero byte
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::optional<int64_t> parse_int(std::string_view text) {
  text = trim(text);
  int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::vector<int>> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  for (const std::string_view range : split(trim(text), ',')) {
    const size_t dash = range.find('-');
    const auto first = parse_int(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_int(range.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last > kCpuMax) return std::nullopt;
    // "0-65535,0-65535,..." must not grow without end.
    if (static_cast<int64_t>(cpus.size()) + *last - *first > kCpuMax) return std::nullopt;
    for (int64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

std::optional<std::string_view> find_field(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.substr(0, key.size()) != key) continue;
    const std::string_view rest = trim(line.substr(key.size()));
    if (!rest.empty() && rest[0] == ':') return trim(rest.substr(1));
  }
  return std::nullopt;
}

std::optional<int64_t> parse_kb(std::string_view text) {
  if (text.size() < 3 || text.substr(text.size() - 3) != " kB") return std::nullopt;
  const auto kilobytes = parse_int(text.substr(0, text.size() - 3));
  if (!kilobytes || *kilobytes < 0) return std::nullopt;
  return checked_mul(*kilobytes, 1024);
}

}  // namespace hearth
