// See safe_name.h.
#include "hearth/store/safe_name.h"

#include <algorithm>
#include <cstdint>

#include "hearth/files/outside_bytes.h"

namespace hearth::store {
namespace {

constexpr size_t kPathMax = 1024;
constexpr size_t kComponentMax = 200;  // 255 of the file system, less the suffixes of a download
constexpr size_t kNameMax = 96;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_control(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte < 0x20 || byte == 0x7F;
}

std::string_view fault_of_component(std::string_view part) {
  if (part.empty()) return "an empty part";
  if (part == ".." || part == ".") return "a part that leaves its folder";
  if (part.front() == '.') return "a hidden part";
  if (part.size() > kComponentMax) return "a part that is too long";
  return "";
}

std::string_view fault_of_path(std::string_view path) {
  if (path.empty()) return "nothing";
  if (path.size() > kPathMax) return "a path that is too long";
  if (path.front() == '/') return "an absolute path";
  if (path.find('\\') != path.npos) return "a backslash";
  if (std::any_of(path.begin(), path.end(), is_control)) return "a control character";
  if (!is_utf8(path)) return "bytes that are no UTF-8";
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view fault = fault_of_component(path.substr(begin, end - begin));
    if (!fault.empty()) return fault;
    begin = end + 1;
  }
  return "";
}

}  // namespace

Status check_relative_path(std::string_view path) {
  const std::string_view fault = fault_of_path(path);
  if (fault.empty()) return Status::ok();
  return error(Code::corrupt, "`{}`: expected the name of a file below a folder, found {}",
               excerpt(path), fault);
}

bool is_hidden_path(std::string_view path) {
  if (path.find('\\') != path.npos) return false;
  bool hidden = false;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part == ".." || part == ".") return false;
    hidden = hidden || part.starts_with('.');
    begin = end + 1;
  }
  return hidden;
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kNameMax || name[0] == '.' || name[0] == '-') return false;
  if (name.find("..") != name.npos || name.find("--") != name.npos) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_hex(std::string_view digits, size_t count) {
  return digits.size() == count && digits.find_first_not_of("0123456789abcdef") == digits.npos;
}

std::string percent_encoded(std::string_view text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const bool stays = is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' ||
                       (c == '/' && keep_slashes);
    if (stays) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return out;
}

}  // namespace hearth::store
