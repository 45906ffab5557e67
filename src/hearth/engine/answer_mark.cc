// See answer_mark.h.
#include "hearth/engine/answer_mark.h"

#include <memory>

namespace hearth {

AnswerMark::AnswerMark(const ThoughtTracker& tracker, const watermark::Mark& mark, bool greedy)
    : tracker_(tracker),
      contexts_(mark.keys.window),
      key_(greedy ? mark.keys.green : mark.keys.race),
      green_bias_(greedy ? mark.green_bias : 0),
      thinking_(mark.thinking) {}

void AnswerMark::take(int32_t id) {
  const bool was_in_thought = tracker_.in_thought();
  const bool in_thought = tracker_.take(id);
  if (thinking_ || !(was_in_thought || in_thought)) return contexts_.take(id);
  contexts_.clear();  // what the opening of the thought left, at most
}

std::optional<KeyedPlace> AnswerMark::next(std::span<const int32_t> answer) {
  while (read_ < answer.size()) take(answer[read_++]);
  const auto& context = contexts_.here();
  if (!context) return std::nullopt;
  return KeyedPlace{context->under(key_), green_bias_};
}

KeyedDraw make_mark(const Tokenizer& tokenizer, AnswerStream::Form form,
                    const watermark::Mark& mark, const SamplingParams& sampling) {
  auto shared = std::make_shared<AnswerMark>(ThoughtTracker(tokenizer, form), mark,
                                             sampling.temperature == 0);
  return [shared](std::span<const int32_t> answer) { return shared->next(answer); };
}

}  // namespace hearth
