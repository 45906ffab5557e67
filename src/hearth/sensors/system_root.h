// Where readings come from: the files of /proc and /sys of this machine, or of a folder that holds
// the same tree (tests describe a Raspberry Pi or a two-socket server that way). Text only; what is
// missing or not as the kernel documents it is a Status, never a crash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth {

class SystemRoot {
 public:
  SystemRoot() = default;  // this machine
  explicit SystemRoot(std::string prefix) : prefix_(std::move(prefix)) {}

  // The whole text of a file such as "/proc/meminfo", at most 4 MiB of it.
  Result<std::string> read(const std::string& path) const;
  // The same without trailing white space, nothing when the file can't be read.
  std::optional<std::string> read_line(const std::string& path) const;
  std::optional<int64_t> read_int(const std::string& path) const;

 private:
  std::string prefix_;
};

// A whole decimal number, white space around it allowed.
std::optional<int64_t> parse_int(std::string_view text);

// "0-3,8,10-11" -> the eight numbers, ascending as written; empty text is an empty list. Refuses
// ranges that run backwards and numbers beyond 65535.
std::optional<std::vector<int>> parse_cpu_list(std::string_view text);

// The text after "key:" or "key\t:" on the first line that begins with `key`; trimmed.
std::optional<std::string_view> find_field(std::string_view text, std::string_view key);

// "123 kB", the unit of /proc/meminfo and /proc/self/status, in bytes.
std::optional<int64_t> parse_kb(std::string_view text);

std::string_view trim(std::string_view text);

// The parts of `text` between separators, empty parts left out.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace hearth
