// See answer_mark.h.
#include "hearth/engine/answer_mark.h"

#include <algorithm>
#include <memory>

namespace hearth {

AnswerMark::AnswerMark(const ThoughtTracker& tracker, const watermark::Mark& mark, bool greedy)
    : tracker_(tracker),
      contexts_(mark.keys.window),
      key_(greedy ? mark.keys.green : mark.keys.race),
      draft_key_(greedy ? std::nullopt : mark.keys.draft),
      green_bias_(greedy ? mark.green_bias : 0),
      thinking_(mark.thinking) {}

void AnswerMark::take(int32_t id) {
  const bool was_in_thought = tracker_.in_thought();
  const bool in_thought = tracker_.take(id);
  if (thinking_ || !(was_in_thought || in_thought)) return contexts_.take(id);
  contexts_.clear();  // what the opening of the thought left, at most
}

std::optional<KeyedPlace> AnswerMark::here() const {
  const auto& context = contexts_.here();
  if (!context) return std::nullopt;
  KeyedPlace place{context->under(key_), green_bias_, {}};
  if (draft_key_) place.draft = context->under(*draft_key_);
  return place;
}

std::optional<KeyedPlace> AnswerMark::next(std::span<const int32_t> answer,
                                           std::span<const int32_t> guesses) {
  while (read_ < answer.size()) take(answer[read_++]);
  if (guesses.empty()) return here();
  AnswerMark ahead = *this;
  for (const int32_t id : guesses) ahead.take(id);
  return ahead.here();
}

MarkGate::MarkGate(const Tokenizer& tokenizer, const ThoughtTracker& tracker,
                   const watermark::Mark& mark)
    : tokenizer_(&tokenizer), tracker_(tracker), contexts_(mark.keys.window) {
  if (mark.thinking) whole_.emplace(mark.keys.window);
}

// A token of the answer proper.
void MarkGate::count(int32_t id) {
  if (!AnswerStream::is_text(*tokenizer_, id)) return;
  std::string_view text = tokenizer_->token_bytes(id);
  // Line breaks behind a thought are not shown (ReasoningSplitter).
  if (bytes_ == 0) text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
  if (text.empty()) return;
  const bool marked = contexts_.here() && (!whole_ || whole_->here());
  if (marked && !first_marked_) first_marked_ = bytes_;
  contexts_.take(id);
  bytes_ += text.size();
}

bool MarkGate::take(int32_t id, ShownPart part) {
  if (is_open(shown_) && tracker_.settled()) return true;
  const bool was_in_thought = tracker_.in_thought();
  if (tracker_.take(id) || was_in_thought) {
    // What came before it was white space and the tag, however it was spelled.
    contexts_.clear();
    bytes_ = shown_ = 0;
    first_marked_.reset();
    holds_ = false;
  } else {
    count(id);
  }
  if (whole_) whole_->take(id);
  shown_ += part.bytes;
  holds_ = holds_ || part.anything;
  return is_open(shown_) || !holds_;
}

bool MarkGate::may_end(ShownPart part) const {
  return is_open(shown_ + part.bytes) || !(holds_ || part.anything);
}

KeyedDraw make_mark(const Tokenizer& tokenizer, AnswerStream::Form form,
                    const watermark::Mark& mark, const SamplingParams& sampling) {
  auto shared = std::make_shared<AnswerMark>(ThoughtTracker(tokenizer, form), mark,
                                             sampling.temperature == 0);
  return [shared](std::span<const int32_t> answer, std::span<const int32_t> guesses) {
    return shared->next(answer, guesses);
  };
}

}  // namespace hearth
