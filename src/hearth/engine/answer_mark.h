// The watermark on one answer: which of its tokens are drawn by the source's key. The thought stays
// as the seed draws it, unless the policy says otherwise; so do the first tokens of the answer,
// which have no context yet, and places whose context stood in the answer before. A function of the
// answer so far, so that an answer that is resumed goes on as if it hadn't been.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hearth/engine/engine.h"
#include "hearth/engine/thought_tracker.h"
#include "hearth/guard/watermark/contexts.h"
#include "hearth/guard/watermark/policy.h"

namespace hearth {

// Of one answer; asked before each of its tokens that is drawn.
class AnswerMark {
 public:
  // `tracker`: of the answer, before its first token. `greedy`: at temperature 0.
  AnswerMark(const ThoughtTracker& tracker, const watermark::Mark& mark, bool greedy);

  // The place behind `answer`, which only grows from one call to the next, and then `guesses`,
  // which may be others each time.
  std::optional<KeyedPlace> next(std::span<const int32_t> answer,
                                 std::span<const int32_t> guesses = {});

 private:
  void take(int32_t id);
  std::optional<KeyedPlace> here() const;

  ThoughtTracker tracker_;
  watermark::Contexts contexts_;  // of what is marked
  const SipKey key_;
  const std::optional<SipKey> draft_key_;
  const double green_bias_;
  const bool thinking_;
  size_t read_ = 0;  // tokens of the answer
};

// What may be shown of an answer that has to bear its mark: nothing of the answer proper until one
// of its tokens stands at a marked place of the text that is shown; from then on everything. The
// thought isn't held back.
class MarkGate {
 public:
  // `tracker`: of the answer, before its first token.
  MarkGate(const ThoughtTracker& tracker, const watermark::Mark& mark);

  // One token more. `words`: something of the answer proper became certain with it. True: it may be
  // shown, with all that was held before.
  bool take(int32_t id, bool words);
  // The end, with words or without: false: the answer has some, and none bears the mark.
  bool may_end(bool words) const { return !required_ || open_ || !(holds_ || words); }

 private:
  ThoughtTracker tracker_;
  watermark::Contexts contexts_;  // of the answer proper, as who reads it alone sees them
  const bool required_;
  bool open_ = false;
  bool holds_ = false;
};

// `form`: that the answer is shown in; raw text has no thought.
KeyedDraw make_mark(const Tokenizer& tokenizer, AnswerStream::Form form,
                    const watermark::Mark& mark, const SamplingParams& sampling);

}  // namespace hearth
