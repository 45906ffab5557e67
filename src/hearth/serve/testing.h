// What the server's tests share: the bundled model and an engine for it.
#pragma once

#include <memory>

#include "hearth/engine/testing.h"

namespace hearth::serve {

inline Backend& mini_backend() {
  return test::Mini::get().backend;
}

inline const TextModel& mini() {
  return *test::Mini::get().model;
}

// `backend`: another one of the model's kind, for its steps.
inline std::unique_ptr<Engine> mini_engine(int64_t context, int64_t sequences,
                                           Backend& backend = mini_backend()) {
  EngineOptions options;
  options.context = context;
  options.limits.sequences_max = sequences;
  options.kv_blocks = sequences * Scheduler::blocks_for(context);
  return std::make_unique<Engine>(mini().model(), backend, options, mini().banned());
}

}  // namespace hearth::serve
