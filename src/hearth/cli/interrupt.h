// Ctrl-C: the first press stops the answer that is being written, not the program.
#pragma once

namespace hearth::cli {

// Catches SIGINT for as long as it lives.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool pressed() const;
};

}  // namespace hearth::cli
