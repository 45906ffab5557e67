// RateLimit: a bucket that fills evenly and holds a minute's worth. What costs more than is there
// waits; a cost that is known only afterwards may leave it in debt.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace hearth::serve {

class RateLimit {
 public:
  // 0: no limit. `now` in seconds, on any clock that does not go back.
  RateLimit(int64_t per_minute, double now)
      : per_second_(static_cast<double>(per_minute) / 60),
        most_(static_cast<double>(per_minute)),
        held_(most_),
        filled_at_(now) {}

  // Seconds to wait until `cost` is there; 0: it is.
  int wait(double cost, double now) {
    if (most_ == 0) return 0;
    fill(now);
    const double missing = std::min(cost, most_) - held_;
    return missing <= 0 ? 0 : static_cast<int>(std::ceil(missing / per_second_));
  }
  void spend(double cost, double now) {
    if (most_ == 0) return;
    fill(now);
    held_ -= cost;
  }

 private:
  void fill(double now) {
    held_ = std::min(most_, held_ + per_second_ * std::max(0.0, now - filled_at_));
    filled_at_ = std::max(filled_at_, now);
  }

  double per_second_;
  double most_;
  double held_;
  double filled_at_;
};

}  // namespace hearth::serve
