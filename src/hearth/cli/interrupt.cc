// See interrupt.h.
#include "hearth/cli/interrupt.h"

#include <csignal>

namespace hearth::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
struct sigaction before;

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  ::sigaction(SIGINT, &action, &before);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &before, nullptr);
}

bool InterruptGuard::pressed() const {
  return interrupted != 0;
}

}  // namespace hearth::cli
