// See log_files.h.
#include "hearth/guard/audit/log_files.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <map>

namespace hearth::audit {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDigits = 6;

// The number behind "NAME."; 0: it is none of ours.
int number_of(std::string_view file, std::string_view name) {
  if (file.size() != name.size() + 1 + kDigits || !file.starts_with(name)) return 0;
  const std::string_view digits = file.substr(name.size() + 1);
  if (file[name.size()] != '.') return 0;
  int number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + kDigits, number);
  return failure == std::errc() && end == digits.data() + kDigits ? number : 0;
}

}  // namespace

std::string full_file_name(const std::string& path, int number) {
  return fmt::format("{}.{:06}", path, number);
}

std::vector<std::string> LogFiles::all(const std::string& path) const {
  std::vector<std::string> out = full;
  if (current) out.push_back(path);
  return out;
}

Result<LogFiles> find_log_files(const std::string& path) {
  const fs::path place(path);
  const fs::path folder = place.parent_path().empty() ? fs::path(".") : place.parent_path();
  const std::string name = place.filename().string();
  if (name.empty()) return error(Code::invalid, "`{}`: expected the path of a file", path);
  std::error_code failure;
  fs::directory_iterator entries(folder, failure);
  if (failure) return error(Code::not_found, "{}: there is no such folder", folder.string());
  LogFiles out;
  std::map<int, std::string> numbered;
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
    const std::string file = entries->path().filename().string();
    if (file == name) out.current = true;
    if (const int number = number_of(file, name)) numbered[number] = full_file_name(path, number);
  }
  if (failure) return error(Code::internal, "{}: {}", folder.string(), failure.message());
  for (auto& [number, file] : numbered) {
    out.full.push_back(std::move(file));
    out.last = number;
  }
  return out;
}

std::string time_text(int64_t milliseconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(milliseconds / 1000)),
                     milliseconds % 1000);
}

int64_t milliseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace hearth::audit
