// Sequence: one request as the scheduler sees it. Its tokens are known, those at [0, computed) are
// in the KV cache; what is known and not computed is work.
#pragma once

#include <cstdint>
#include <vector>

#include "hearth/backend/batch.h"
#include "hearth/engine/prefix_hash.h"

namespace hearth {

struct Sequence {
  int64_t id = 0;  // ascending in the order of arrival
  int32_t priority = 0;
  std::vector<int32_t> tokens;  // prompt, then what was generated
  int64_t prompt_length = 0;
  int64_t length_max = 0;  // prompt + answer
  int64_t computed = 0;
  std::vector<int32_t> drafts;  // guesses of what follows `tokens`, checked in the next step
  bool every_row = false;       // the outputs of every row are wanted, not only the last's
  bool hidden = false;          // they are hidden states, not logits
  PrefixScope scope;            // who may share its blocks
  Sequence* leader = nullptr;   // waits until this one's prompt is computed, to share its blocks
  bool followed = false;        // somebody has it as leader
  std::vector<int32_t> blocks;  // held
  int64_t outputs_from = 0;     // outputs of earlier rows were handed out already
  int64_t published = 0;        // its first blocks, known to the prefix cache
  bool publishes = true;        // false: a hash of its prefix belongs to another content
  Hash128 prefix;               // name of the last published block
  int64_t cached_tokens = -1;   // of the prompt, found in the cache; -1: never ran yet

  bool in_prompt() const { return computed < prompt_length; }
  int64_t length() const { return static_cast<int64_t>(tokens.size()); }
  // Rows that may run next: all of one role.
  int64_t pending() const { return (in_prompt() ? prompt_length : length()) - computed; }
};

}  // namespace hearth
