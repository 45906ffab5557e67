// What the engine's tests share: models that are loaded, and an answer as its sink heard it, held
// to the sink's contract.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/engine/engine.h"
#include "hearth/engine/text_model.h"
#include "hearth/models/load.h"

namespace hearth::test {

struct OneThread : CpuBackend {
  OneThread() : CpuBackend(1, *cpu::available_tables().front()) {}
};

// A tiny checkpoint of tests/golden.
template <class B = OneThread>
struct Network {
  explicit Network(const std::string& name) {
    auto opened = Checkpoint::open(HEARTH_SOURCE_DIR "/tests/golden/" + name);
    CHECK(opened.has_value());
    checkpoint = std::make_unique<Checkpoint>(*std::move(opened));
    auto made = load_model(*checkpoint, backend, {});
    CHECK(made.has_value());
    loaded = *std::move(made);
  }
  int64_t vocab() const { return loaded.model->info().vocab_size; }

  B backend;
  std::unique_ptr<Checkpoint> checkpoint;
  LoadedModel loaded;
};

// The bundled model, loaded once.
struct Mini {
  Mini() {
    auto loaded = TextModel::load(HEARTH_SOURCE_DIR "/assets/mini", backend, {});
    CHECK(loaded.has_value());
    model = *std::move(loaded);
  }
  static Mini& get() {
    static Mini mini;
    return mini;
  }

  OneThread backend;
  std::unique_ptr<TextModel> model;
};

struct Answer {
  std::vector<int32_t> tokens;
  std::optional<FinishReason> reason;
  bool operator==(const Answer&) const = default;
};

inline TokenSink into(Answer& answer) {
  TokenSink sink;
  sink.on_token = [&answer](int32_t id) {
    EXPECT_FALSE(answer.reason.has_value()) << "a token after the end";
    answer.tokens.push_back(id);
    return true;
  };
  sink.on_finish = [&answer](FinishReason reason) {
    EXPECT_FALSE(answer.reason.has_value()) << "finished twice";
    answer.reason = reason;
  };
  return sink;
}

}  // namespace hearth::test
