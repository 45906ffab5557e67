// Two engines that give the same answers in two ways, in turn: a machine that others use is as fast
// for the one as for the other.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "hearth/engine/engine.h"

namespace hearth {

// One of them. Its clock runs from where all its answers have begun, so that prompts don't count.
class Racer {
 public:
  using Texts = std::vector<std::vector<int32_t>>;  // prompt, then answer

  // For `requests` all at once, in `context` tokens each.
  Racer(const Model& model, Backend& backend, EngineOptions options, int64_t context,
        std::vector<TokenRequest> requests) {
    options.context = context;
    options.kv_blocks = std::ssize(requests) * Scheduler::blocks_for(context);
    engine_ = std::make_unique<Engine>(model, backend, options, std::vector<uint8_t>{});
    texts_.resize(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      texts_[i] = requests[i].prompt;
      TokenSink sink;
      sink.on_token = [this, i](int32_t id) {
        texts_[i].push_back(id);
        ++tokens_;
        return true;
      };
      prompts_.push_back(texts_[i].size());
      CHECK(engine_->submit(std::move(requests[i]), std::move(sink)).has_value());
    }
    while (!all_began()) engine_->step();
    tokens_ = 0;
  }
  Racer(const Racer&) = delete;
  Racer& operator=(const Racer&) = delete;

  bool done() const { return engine_->idle(); }
  int64_t tokens() const { return tokens_; }
  const Texts& texts() const { return texts_; }
  DraftStats drafts() const { return engine_->draft_stats(); }
  double tokens_per_second() const { return static_cast<double>(tokens_) / seconds_; }

  // For so long, and for one step at least.
  void run(double seconds) {
    const auto start = std::chrono::steady_clock::now();
    std::chrono::duration<double> took{};
    do {
      engine_->step();
      took = std::chrono::steady_clock::now() - start;
    } while (!done() && took.count() < seconds);
    seconds_ += took.count();
  }

 private:
  bool all_began() const {
    for (size_t i = 0; i < texts_.size(); ++i) {
      if (texts_[i].size() == prompts_[i]) return false;
    }
    return true;
  }

  std::unique_ptr<Engine> engine_;
  Texts texts_;
  std::vector<size_t> prompts_;  // their lengths
  int64_t tokens_ = 0;
  double seconds_ = 0;
};

// To the end of both. Who has said less goes next, so that both are at the same place at any time.
inline void race(Racer& a, Racer& b) {
  constexpr double kTurnSeconds = 0.2;
  while (!a.done() || !b.done()) {
    Racer& next = b.done() || (!a.done() && a.tokens() <= b.tokens()) ? a : b;
    next.run(kTurnSeconds);
  }
}

}  // namespace hearth
