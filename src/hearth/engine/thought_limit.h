// Ends a thought that grows too long, or goes round in circles: from then on the closing words come
// instead of what the model would say, and the answer follows. What comes next is a function of the
// answer so far, so that an answer that is resumed ends its thought at the same place.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/engine/engine.h"
#include "hearth/engine/text_model.h"
#include "hearth/engine/thought_tracker.h"

namespace hearth {

struct ThoughtOptions {
  std::optional<int64_t> tokens_max;  // of the thought; 0: it is closed at once
  bool end_loops = false;
  std::string ending = "\n\nI have thought long enough and will answer now.";  // before </think>

  bool limits() const { return tokens_max.has_value() || end_loops; }
};

// Of one answer; asked before each of its tokens.
class ThoughtLimit {
 public:
  // `tracker`: of the answer, before its first token. `closing`: what ends the thought, its tag
  // included.
  ThoughtLimit(const ThoughtTracker& tracker, std::vector<int32_t> closing,
               const ThoughtOptions& options);

  // The id that must come behind `answer`; nullopt: the model decides. `answer` only grows from one
  // call to the next.
  std::optional<int32_t> next(std::span<const int32_t> answer);

 private:
  // A thought repeats itself when its last tokens equal those one period before: as many as four
  // rounds of a short period and kLoopTokens make, or two of a long one, which stand behind a
  // first. Looked at every kLoopCheck tokens, so that a token's part of the work stays small.
  static constexpr size_t kPeriodMax = 4096;
  static constexpr size_t kShortPeriod = 128;
  static constexpr size_t kLoopTokens = 192;
  static constexpr size_t kLongLoopTokens = 512;
  static constexpr size_t kLoopCheck = 64;

  void read(std::span<const int32_t> answer);
  bool repeats(std::span<const int32_t> answer);

  ThoughtTracker tracker_;
  const std::vector<int32_t> closing_;
  const int64_t tokens_max_;  // -1: no bound
  const bool end_loops_;
  size_t read_ = 0;                     // tokens of the answer
  int64_t thought_ = 0;                 // its tokens
  std::optional<size_t> closing_from_;  // place in the answer
  std::vector<size_t> same_;            // of repeats(), kept between calls
};

// For an answer of this form. unsupported: the model's vocabulary has no tokens <think> and
// </think>.
Result<ForcedToken> make_thought_limit(const TextModel& model, AnswerStream::Form form,
                                       const ThoughtOptions& options);

}  // namespace hearth
