// NgramDrafter: guesses that a text repeats itself. What followed the longest earlier occurrence of
// the last tokens follows again (prompt lookup): free, and right where an answer quotes its prompt,
// edits code or reasons in circles.
#pragma once

#include <vector>

#include "hearth/engine/drafter.h"

namespace hearth {

// Memory: 12 bytes a token at most. Work of a call: bounded, beside one step for each new token.
class NgramDrafter : public Drafter {
 public:
  void draft(std::span<const int32_t> tokens, int64_t count, std::vector<int32_t>& drafts) override;
  int64_t matched() const override { return matched_; }

 private:
  void index(std::span<const int32_t> tokens);
  void make_room(size_t tokens);
  int64_t find(std::span<const int32_t> tokens);
  int32_t& latest(std::span<const int32_t> tokens, int64_t end);

  // Where the runs of kKeyTokens with one hash end: the latest, and from each to the one before.
  std::vector<int32_t> latest_;  // by hash; a power of two
  std::vector<int32_t> before_;  // [indexed tokens]
  int64_t matched_ = 0;
};

}  // namespace hearth
