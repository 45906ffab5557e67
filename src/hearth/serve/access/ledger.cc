// See ledger.h. A line is one write, so that a crash cuts at most the last; the system keeps it
// when the process dies.
#include "hearth/serve/access/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "hearth/base/checked_math.h"
#include "hearth/base/mapped_file.h"
#include "hearth/files/atomic_file.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/serve/word.h"

namespace hearth::serve {
namespace {

constexpr int64_t kFileBytesMax = int64_t{1} << 30;
constexpr size_t kNameBytesMax = 64;
constexpr double kCostMax = 1e12;

std::tm utc(int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return parts;
}

std::string month_of(int64_t seconds) {
  const std::tm parts = utc(seconds);
  return fmt::format("{:04}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1);
}

template <typename T>
bool parse_number(std::string_view text, T& out) {
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, out);
  return failure == std::errc() && stop == end;
}

struct Line {
  std::string_view month, name;
  Spending spent;
};

bool parse_line(std::string_view text, Line& out) {
  std::vector<std::string_view> words;
  while (words.size() < 5) {
    const size_t space = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, space));
    if (space == text.size()) break;
    text.remove_prefix(space + 1);
  }
  if (words.size() != 4 || words[0].size() != 7 || !is_word(words[1], kNameBytesMax)) return false;
  out.month = words[0];
  out.name = words[1];
  if (!parse_number(words[2], out.spent.tokens) || !parse_number(words[3], out.spent.cost)) {
    return false;
  }
  return out.spent.tokens >= 0 && std::isfinite(out.spent.cost) && out.spent.cost >= 0 &&
         out.spent.cost <= kCostMax;
}

void add_to(Spending& sum, int64_t tokens, double cost) {
  sum.tokens = checked_add(sum.tokens, tokens).value_or(INT64_MAX);
  sum.cost += cost;
}

std::string line_of(const std::string& month, const std::string& name, const Spending& spent) {
  return fmt::format("{} {} {} {:.9g}\n", month, name, spent.tokens, spent.cost);
}

}  // namespace

Result<std::map<std::string, Spending>> read_ledger(std::string_view text, std::string_view month) {
  std::map<std::string, Spending> sums;
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == text.npos) break;  // cut off while it was written
    Line line;
    if (!parse_line(text.substr(0, end), line)) {
      return error(Code::corrupt, "line {}: expected MONTH NAME TOKENS COST, found `{}`", number,
                   excerpt(text.substr(0, end)));
    }
    if (line.month > month) {
      return error(Code::corrupt, "line {}: of {}, but the clock says {}", number, line.month,
                   month);
    }
    if (line.month == month) {
      add_to(sums[std::string(line.name)], line.spent.tokens, line.spent.cost);
    }
    text.remove_prefix(end + 1);
  }
  return sums;
}

Ledger::Ledger(Ledger&& other) noexcept
    : path_(std::move(other.path_)),
      clock_(std::move(other.clock_)),
      fd_(std::exchange(other.fd_, -1)),
      current_(std::move(other.current_)),
      spent_(std::move(other.spent_)) {}

Ledger::~Ledger() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Ledger> Ledger::open(const std::string& path, Clock clock) {
  Ledger ledger(path, std::move(clock));
  ledger.current_ = month_of(ledger.clock_());
  if (path.empty()) return ledger;
  if (::access(path.c_str(), F_OK) == 0) {
    TRY_ASSIGN(const std::string text, read_file(path, kFileBytesMax));
    auto sums = read_ledger(text, ledger.current_);
    if (!sums) return std::move(sums).status().at(path);
    ledger.spent_ = *std::move(sums);
  }
  TRY(ledger.start_file());
  return ledger;
}

// One line a key with what it has spent so far, then whatever is added.
Status Ledger::start_file() {
  TRY_ASSIGN(AtomicFile file, AtomicFile::create(path_, 0600));
  for (const auto& [name, spent] : spent_) TRY(file.write(line_of(current_, name, spent)));
  TRY(file.commit());
  if (fd_ >= 0) ::close(fd_);
  fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ >= 0) return Status::ok();
  return error(Code::internal, "{}: {}", path_, std::strerror(errno));
}

void Ledger::turn_the_page() {
  const std::string now = month();
  if (now <= current_) return;  // a clock that goes back forgives nothing
  current_ = now;
  spent_.clear();
}

Spending Ledger::spent(const std::string& name) {
  turn_the_page();
  const auto found = spent_.find(name);
  return found == spent_.end() ? Spending{} : found->second;
}

Status Ledger::add(const std::string& name, int64_t tokens, double cost) {
  turn_the_page();
  add_to(spent_[name], tokens, cost);
  if (fd_ < 0) return Status::ok();
  const std::string line = line_of(current_, name, {tokens, cost});
  const off_t before = ::lseek(fd_, 0, SEEK_END);
  const ssize_t written = ::write(fd_, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return Status::ok();
  const int why = written < 0 ? errno : ENOSPC;
  // Half a line would swallow the next one.
  if (written > 0 && (before < 0 || ::ftruncate(fd_, before) != 0)) {
    return error(Code::internal, "{}: half a line is in it: {}", path_, std::strerror(errno));
  }
  return error(Code::internal, "{}: {}", path_, std::strerror(why));
}

std::string Ledger::month() const {
  return month_of(clock_());
}

int64_t Ledger::seconds_left() const {
  const int64_t now = clock_();
  std::tm parts = utc(now);
  parts.tm_mon += 1;  // timegm carries December over
  parts.tm_mday = 1;
  parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
  return static_cast<int64_t>(::timegm(&parts)) - now;
}

}  // namespace hearth::serve
