// What the server's tests share: the bundled model, loaded once, and an engine for it.
#pragma once

#include <memory>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/engine/engine.h"
#include "hearth/engine/text_model.h"

namespace hearth::serve {

inline CpuBackend& mini_backend() {
  static CpuBackend backend(1, *cpu::available_tables().front());
  return backend;
}

inline const TextModel& mini() {
  static const std::unique_ptr<TextModel> model = [] {
    auto loaded = TextModel::load(HEARTH_SOURCE_DIR "/assets/mini", mini_backend(), {});
    CHECK(loaded.has_value());
    return *std::move(loaded);
  }();
  return *model;
}

inline std::unique_ptr<Engine> mini_engine(int64_t context, int64_t sequences) {
  EngineOptions options;
  options.context = context;
  options.limits.sequences_max = sequences;
  options.kv_blocks = sequences * Scheduler::blocks_for(context);
  return std::make_unique<Engine>(mini().model(), mini_backend(), options, mini().banned());
}

}  // namespace hearth::serve
