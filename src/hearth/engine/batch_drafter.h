// BatchDrafter: guesses how all answers of a step go on, by a network that is asked once for all of
// them. Like a Drafter's, its guesses cost time and never a token.
#pragma once

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
  };
  // To be called behind each step of the model, before the next; with all its sequences.
  virtual Status run(std::span<Part> parts) = 0;
  // This sequence has ended.
  virtual void forget(int64_t /*sequence*/) {}
};

}  // namespace hearth
