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

// What became certain of the answer proper: its bytes of text, and whether there is anything that
// its reader would see.
struct ShownPart {
  size_t bytes = 0;
  bool anything = false;
};

// What may be shown of an answer that has to bear its mark: nothing of the answer proper until text
// of a token that was drawn by the key is among what became certain; from then on everything. The
// thought isn't held back. Places are counted as who reads the answer alone sees them: from its
// first token that is no line break, without tokens that have no text.
class MarkGate {
 public:
  // `tracker`: of the answer, before its first token.
  MarkGate(const Tokenizer& tokenizer, const ThoughtTracker& tracker, const watermark::Mark& mark);

  // One token more, and what became certain with it. True: that may be shown, with all that was
  // held before.
  bool take(int32_t id, ShownPart part);
  // The end, and what becomes certain with it: false: the answer would go out without a mark.
  bool may_end(ShownPart part) const;

 private:
  void count(int32_t id);
  bool is_open(size_t shown) const { return first_marked_ && shown > *first_marked_; }

  const Tokenizer* tokenizer_;
  ThoughtTracker tracker_;
  watermark::Contexts contexts_;              // of the answer proper
  std::optional<watermark::Contexts> whole_;  // where the thought is marked, too
  size_t bytes_ = 0;                          // of the answer's tokens
  size_t shown_ = 0;                          // of them that became certain
  std::optional<size_t> first_marked_;        // bytes before the first token drawn by the key
  bool holds_ = false;
};

// `form`: that the answer is shown in; raw text has no thought.
KeyedDraw make_mark(const Tokenizer& tokenizer, AnswerStream::Form form,
                    const watermark::Mark& mark, const SamplingParams& sampling);

}  // namespace hearth
