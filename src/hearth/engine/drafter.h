// Drafter: guesses how an answer goes on, for the model to check all guesses in one step. A wrong
// guess costs time and never a token: what the model would have said without it is what is said.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth {

// Of one sequence; called by the engine's thread.
class Drafter {
 public:
  virtual ~Drafter() = default;

  // Puts at most `count` guesses of what follows `tokens` (prompt, then answer) into `drafts`; none
  // where it has no idea. `tokens` go on from those of the last call.
  virtual void draft(std::span<const int32_t> tokens, int64_t count,
                     std::vector<int32_t>& drafts) = 0;
  // How many of the last tokens stand before what was guessed, too, so that they speak for the
  // first of these guesses; 0: it can't say.
  virtual int64_t matched() const { return 0; }
};

}  // namespace hearth
