// Replies that a policy draws to problems: each with its tokens, as training reads them.
#pragma once

#include <string>
#include <vector>

#include "hearth/train/data/examples.h"
#include "hearth/train/grpo.h"

namespace hearth::train {

struct Reply {
  Example example;   // prompt and reply; its end mark among what is learned, unless it was cut
  std::string text;  // the answer behind the thought
  bool cut = false;  // at reply_tokens
};

struct DrawOptions {
  int64_t reply_tokens = 512;
  double temperature = 1;  // 0: greedy
  int64_t group = 1;       // replies to each problem
  uint64_t key = 0;        // seeds follow from it and the reply's place
};

// Replies to the problems `chosen` of `prompts`, a group after the other.
// invalid: a prompt that leaves no room in the engine's context.
Result<std::vector<Reply>> draw_replies(const Policy& policy,
                                        const std::shared_ptr<const hearth::Adapter>& adapter,
                                        const std::vector<std::string>& prompts,
                                        std::span<const int64_t> chosen,
                                        const DrawOptions& options);

}  // namespace hearth::train
