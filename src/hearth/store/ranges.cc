// See ranges.h.
#include "hearth/store/ranges.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hearth/base/checked_math.h"

namespace hearth::store {
namespace {

// What the threads that fetch and the one that takes share.
class Window {
 public:
  Window(int64_t count, int64_t held_max) : count_(count), held_max_(held_max) {}

  // The next range to fetch, once there is room for it; -1: none.
  int64_t next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || next_ == count_ || next_ < taken_ + held_max_; });
    return stopped_ || next_ == count_ ? -1 : next_++;
  }

  void put(int64_t index, Result<std::string> bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes) {
      ready_.emplace(index, *std::move(bytes));
    } else if (!stopped_) {  // what fails behind it was stopped because of it
      failure_ = std::move(bytes).status();
      stopped_ = true;
    }
    changed_.notify_all();
  }

  void say(std::string_view line) {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
    changed_.notify_all();
  }

  // The next range in order; what was said meanwhile goes to `events`.
  Result<std::string> take(const TransferEvents& events) {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopped_ || ready_.contains(taken_) || !lines_.empty(); });
      const std::vector<std::string> lines = std::exchange(lines_, {});
      Status failure = failure_;
      auto found = ready_.extract(taken_);
      if (found) ++taken_;
      changed_.notify_all();
      lock.unlock();
      for (const std::string& line : lines) {
        if (events.notice) events.notice(line);
      }
      if (!failure.is_ok()) return failure;
      if (found) return std::move(found.mapped());
    }
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  bool stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

 private:
  const int64_t count_;
  const int64_t held_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int64_t next_ = 0;   // to be fetched
  int64_t taken_ = 0;  // handed over
  std::map<int64_t, std::string> ready_;
  std::vector<std::string> lines_;
  Status failure_;  // the first
  bool stopped_ = false;
};

}  // namespace

Status fetch_ranges(HttpClient& client, const RemoteFile& remote, int64_t begin, int64_t total,
                    const TransferOptions& options, const TransferEvents& events,
                    FunctionRef<Status(std::span<const std::byte>)> take) {
  const int64_t count = ceil_div(total - begin, kRangeBytes);
  const auto fetch = [&](HttpClient& from, int64_t index, const TransferEvents& told) {
    const int64_t first = begin + index * kRangeBytes;
    return download_range(from, remote, first, std::min(kRangeBytes, total - first), total, options,
                          told);
  };
  const int64_t connections = std::min<int64_t>(options.connections, count);
  if (connections <= 1) {
    for (int64_t i = 0; i < count; ++i) {
      TRY_ASSIGN(const std::string bytes, fetch(client, i, events));
      TRY(take(std::as_bytes(std::span(bytes))));
    }
    return Status::ok();
  }
  Window window(count, 2 * connections);
  HttpOptions http = client.options();
  http.stopped = [&window, by_user = client.options().stopped] {
    return window.stopped() || (by_user && by_user());
  };
  TransferEvents told;
  told.notice = [&window](std::string_view line) { window.say(line); };
  std::vector<std::jthread> threads;
  for (int64_t i = 0; i < connections; ++i) {
    threads.emplace_back([&window, &http, &fetch, &told] {
      HttpClient own(http);
      for (int64_t index = window.next(); index >= 0; index = window.next()) {
        window.put(index, fetch(own, index, told));
      }
    });
  }
  Status status;
  for (int64_t i = 0; i < count && status.is_ok(); ++i) {
    auto bytes = window.take(events);
    status = bytes ? take(std::as_bytes(std::span(*bytes))) : std::move(bytes).status();
  }
  window.stop();
  return status;
}

}  // namespace hearth::store
