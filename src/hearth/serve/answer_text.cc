// See answer_text.h.
#include "hearth/serve/answer_text.h"

#include <utility>

namespace hearth::serve {

AnswerText::AnswerText(const Tokenizer& tokenizer, Form form, const std::vector<std::string>& stops,
                       int32_t choice)
    : stream_(tokenizer, form, stops), choice_(choice) {}

bool AnswerText::push(int32_t id, const TokenLogprob* logprob, std::vector<Piece>& out) {
  ++tokens_;
  const bool was_thinking = stream_.in_thought();
  std::vector<StreamPart> parts = stream_.push(id);
  const bool of_thought = was_thinking || stream_.in_thought();
  if (of_thought) ++reasoning_tokens_;
  if (logprob) keep(*logprob, of_thought, out);
  emit(std::move(parts), out);
  return !stream_.stopped();
}

// The token that ends a thought is one of its own; its text may never leave.
void AnswerText::keep(const TokenLogprob& logprob, bool thought, std::vector<Piece>& out) {
  if (!waiting_.empty() && waiting_thought_ != thought) out.push_back(piece(waiting_thought_, ""));
  waiting_thought_ = thought;
  waiting_.push_back(logprob);
}

Piece AnswerText::piece(bool thought, std::string text) {
  Piece made;
  made.choice = choice_;
  made.thought = thought;
  made.text = std::move(text);
  if (waiting_thought_ == thought) made.logprobs = std::exchange(waiting_, {});
  return made;
}

void AnswerText::emit(std::vector<StreamPart> parts, std::vector<Piece>& out) {
  for (StreamPart& part : parts) out.push_back(piece(part.thought, std::move(part.text)));
}

void AnswerText::finish(std::string_view reason, std::vector<Piece>& out) {
  std::vector<StreamPart> parts = stream_.finish();
  std::string last_text;
  if (!parts.empty() && !parts.back().thought) {
    last_text = std::move(parts.back().text);
    parts.pop_back();
  }
  emit(std::move(parts), out);
  if (stream_.stopped()) waiting_.clear();  // tokens of the stop string: their text never leaves
  if (!waiting_.empty() && waiting_thought_) out.push_back(piece(true, ""));
  Piece last = piece(false, std::move(last_text));
  last.finish = reason;
  out.push_back(std::move(last));
}

}  // namespace hearth::serve
