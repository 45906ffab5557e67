// See answer_mark.h.
#include "hearth/engine/answer_mark.h"

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

MarkGate::MarkGate(const ThoughtTracker& tracker, const watermark::Mark& mark)
    : tracker_(tracker), contexts_(mark.keys.window), required_(mark.required) {}

bool MarkGate::take(int32_t id, bool words) {
  if (!required_ || (open_ && tracker_.settled())) return true;
  const bool was_in_thought = tracker_.in_thought();
  if (tracker_.take(id) || was_in_thought) {
    // What came before it was white space and the tag, however it was spelled.
    contexts_.clear();
    open_ = holds_ = false;
  } else {
    open_ = open_ || contexts_.here().has_value();
    contexts_.take(id);
  }
  holds_ = holds_ || words;
  return open_ || !holds_;
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
