// See chat_history.h.
#include "hearth/cli/chat_history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/verb.h"
#include "hearth/files/atomic_file.h"
#include "hearth/files/outside_bytes.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kLinesMax = 2 * ChatHistory::kEntriesMax;  // of the file, before it is shortened
constexpr int64_t kFileBytesMax = (kLinesMax + 1) * int64_t{ChatHistory::kEntryBytesMax + 1};

// What can be typed: UTF-8 without control characters but the tab.
bool may_be_kept(std::string_view line) {
  const auto control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7F; };
  return !line.empty() && line.size() <= ChatHistory::kEntryBytesMax && is_utf8(line) &&
         std::ranges::none_of(line, control);
}

std::string absolute(const char* variable) {
  const char* value = std::getenv(variable);
  return value && value[0] == '/' ? value : "";
}

// The folder of the file, made for its owner alone where it is missing.
std::error_code make_folder(const fs::path& folder) {
  std::error_code failure;
  if (fs::exists(folder, failure)) return {};
  fs::create_directories(folder.parent_path(), failure);
  if (failure) return failure;
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return {errno, std::generic_category()};
  }
  return {};
}

// One write: lines of chats beside each other don't mix.
std::error_code append(const std::string& path, const std::string& text) {
  if (const std::error_code failure = make_folder(fs::path(path).parent_path())) return failure;
  const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return {errno, std::generic_category()};
  const bool good = ::fchmod(file, 0600) == 0 &&
                    ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const std::error_code failure(good ? 0 : errno, std::generic_category());
  ::close(file);
  return failure;
}

}  // namespace

std::string ChatHistory::usual_path() {
  const std::string state = absolute("XDG_STATE_HOME"), home = absolute("HOME");
  if (!state.empty()) return state + "/hearth/chat_history";
  return home.empty() ? "" : home + "/.local/state/hearth/chat_history";
}

ChatHistory::ChatHistory(std::string path) : path_(std::move(path)) {
  std::error_code ignored;
  if (!path_.empty() && fs::exists(path_, ignored)) load();
}

void ChatHistory::load() {
  const auto text = read_file(path_, kFileBytesMax);
  if (!text) return give_up(text.status().message());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++lines_;
    if (may_be_kept(line)) entries_.emplace_back(line);
  }
  if (std::ssize(entries_) > kEntriesMax)
    entries_.erase(entries_.begin(), entries_.end() - kEntriesMax);
  if (lines_ > kLinesMax) shorten();
}

void ChatHistory::add(const std::string& line) {
  if (path_.empty() || !may_be_kept(line) || (!entries_.empty() && entries_.back() == line)) return;
  entries_.push_back(line);
  if (std::ssize(entries_) > kEntriesMax) entries_.erase(entries_.begin());
  if (const std::error_code failure = append(path_, line + "\n")) {
    return give_up(path_ + ": " + failure.message());
  }
  if (++lines_ > kLinesMax) shorten();
}

void ChatHistory::shorten() {
  std::string text;
  for (const std::string& line : entries_) text += line + "\n";
  const Status status = write_whole(path_, text, 0600);
  if (!status.is_ok()) return give_up(status.message());
  lines_ = static_cast<int>(std::ssize(entries_));
}

void ChatHistory::give_up(const std::string& reason) {
  fmt::print(stderr, "history: {}\n", reason);
  path_.clear();
}

}  // namespace hearth::cli
