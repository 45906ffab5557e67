// BatchDrafter: guesses how all answers of a step go on, by a network that is asked once for all of
// them. Like a Drafter's, its guesses cost time and never a token.
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/engine/sequence.h"

namespace hearth {

class BatchDrafter {
 public:
  virtual ~BatchDrafter() = default;

  // A sequence of the step, with the tokens that came of it.
  struct Part {
    const SequenceRows* rows = nullptr;  // in that step, wrong guesses of the last one behind
    const Sequence* sequence = nullptr;
    int64_t wanted = 0;            // guesses of what follows its tokens
    std::vector<int32_t> guesses;  // out: as many, or fewer where there is no room or no time
    // Makes the guess behind the tokens and these guesses of the network's logits; empty: the most
    // likely token.
    std::function<int32_t(std::span<const float> logits, std::span<const int32_t> guesses)> draw =
        {};

    void add_guess(std::span<const float> logits) {
      const auto best = std::ranges::max_element(logits) - logits.begin();
      guesses.push_back(draw ? draw(logits, guesses) : static_cast<int32_t>(best));
    }
  };
  // To be called behind each step of the model, before the next; with all its sequences.
  virtual Status run(std::span<Part> parts) = 0;
  // This sequence has ended.
  virtual void forget(int64_t /*sequence*/) {}
};

}  // namespace hearth
