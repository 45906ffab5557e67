// What one template may cost, and the meter that stops it. Every loop of the interpreter whose
// length an outsider chooses pays here before it works, so that no template hangs or fills memory.
#pragma once

#include <cstdint>

#include "hearth/base/status.h"

namespace hearth {

struct TemplateLimits {
  int64_t source_bytes_max = 1 << 20;
  int64_t steps_max = 10'000'000;        // nodes evaluated, elements walked, 64 bytes of text moved
  int64_t memory_bytes_max = 256 << 20;  // all text and elements ever made by one rendering
  int64_t output_bytes_max = 32 << 20;
  int nesting_max = 200;     // depth of the parsed template, and of lists in lists
  int evaluation_max = 600;  // depth of the evaluation: macros that call macros included
};

namespace jinja {

class Budget {
 public:
  explicit Budget(const TemplateLimits& limits) : limits_(limits) {}

  const TemplateLimits& limits() const { return limits_; }

  Status steps(int64_t n) {
    steps_ += n;
    if (steps_ > limits_.steps_max) [[unlikely]]
      return too_much("steps", limits_.steps_max);
    return Status::ok();
  }
  // Pays for `n` bytes about to be made; n may be any size that does not overflow.
  Status bytes(int64_t n) {
    if (n > limits_.memory_bytes_max - bytes_) [[unlikely]] {
      return too_much("bytes of memory", limits_.memory_bytes_max);
    }
    bytes_ += n;
    return steps(1 + n / 64);
  }

  // One level of evaluation, for as long as the Level lives.
  class Level {
   public:
    explicit Level(Budget& budget) : budget_(budget) { ++budget_.depth_; }
    ~Level() { --budget_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Budget& budget_;
  };
  Status level_left() const {
    if (depth_ >= limits_.evaluation_max) [[unlikely]] {
      return too_much("levels of evaluation", limits_.evaluation_max);
    }
    return Status::ok();
  }

 private:
  static Status too_much(const char* what, int64_t limit) {
    return error(Code::invalid, "the template takes more than {} {}", limit, what);
  }

  const TemplateLimits& limits_;
  int64_t steps_ = 0;
  int64_t bytes_ = 0;
  int depth_ = 0;
};

}  // namespace jinja
}  // namespace hearth
