// A progress bar on standard error: only for a person at a terminal, and only for work that takes
// longer than two seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hearth::cli {

class Progress {
 public:
  explicit Progress(std::string_view what);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done, int64_t total, std::string_view note = "");
  void clear();  // takes the bar away

 private:
  using Clock = std::chrono::steady_clock;
  const std::string what_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_;
  bool visible_ = false;
};

}  // namespace hearth::cli
