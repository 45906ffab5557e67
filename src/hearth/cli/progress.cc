// See progress.h.
#include "hearth/cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "hearth/cli/verb.h"

namespace hearth::cli {
namespace {

constexpr auto kQuietFor = std::chrono::seconds(2);
constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr int64_t kWidth = 30;

}  // namespace

Progress::Progress(std::string_view what) : what_(what) {}

void Progress::update(int64_t done, int64_t total, std::string_view note) {
  const Clock::time_point now = Clock::now();
  if (now - start_ < kQuietFor || now - drawn_ < kRedrawEvery || !stderr_is_terminal()) return;
  drawn_ = now;
  visible_ = true;
  const double share =
      total > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total)) : 0;
  const auto filled = static_cast<int64_t>(share * kWidth);
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double left = share > 0 ? elapsed / share - elapsed : 0;
  fmt::print(stderr, "\r{} [{:=<{}}{:>{}}] {:3.0f}% {:.0f} s {}\x1b[K", what_, "", filled, "",
             kWidth - filled, 100 * share, left, note);
  std::fflush(stderr);
}

void Progress::clear() {
  if (!visible_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  visible_ = false;
}

}  // namespace hearth::cli
