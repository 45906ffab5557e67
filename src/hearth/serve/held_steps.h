// What tests of cancelling ask of a held backend: so many steps, and that one is the last.
#pragma once

#include "hearth/serve/held_backend.h"

namespace hearth::serve {

// So many steps; then the next one waits.
inline bool take_steps(const Held& held, int64_t count) {
  if (!TestServer::wait([&] { return held.backend.waits(); })) return false;
  const int64_t end = held.backend.steps + count;
  return held.step_until([&] { return held.backend.steps == end; });
}

// One step, and the next one computes for `left` answers alone, or there is none.
inline bool ends_within_one_step(const Held& held, const TestServer& server, int64_t left) {
  if (!TestServer::wait([&] { return held.backend.waits(); })) return false;
  held.backend.let_one_pass();
  TestServer::wait([&] { return held.backend.waits() || server.loop->live() == 0; });
  if (!held.backend.waits()) return left == 0;
  const SchedulerStats stats = server.engine->stats();
  return stats.running + stats.waiting == left;
}

}  // namespace hearth::serve
