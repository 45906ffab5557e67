// See answer_text.h.
#include "hearth/serve/answer_text.h"

#include <utility>

namespace hearth::serve {

AnswerText::AnswerText(const Tokenizer& tokenizer, Form form, const std::vector<std::string>& stops,
                       int32_t choice)
    : tokenizer_(tokenizer),
      form_(form),
      choice_(choice),
      splitter_(form == Form::chat_in_thought),
      stops_(stops) {}

// <think> and </think> are control tokens in some vocabularies and plain ones in others; both ways
// they must be seen, while no other control token is text.
bool AnswerText::visible(int32_t id) const {
  if (!tokenizer_.is_special(id)) return true;
  const std::string_view text = tokenizer_.token_bytes(id);
  return text == "<think>" || text == "</think>";
}

bool AnswerText::push(int32_t id, const TokenLogprob* logprob, std::vector<Piece>& out) {
  ++tokens_;
  std::string text;
  if (visible(id)) text = detokenizer_.push(tokenizer_.token_bytes(id));
  if (form_ == Form::raw) {
    if (logprob) keep(*logprob, false, out);
    emit({{false, std::move(text)}}, out);
    return !stops_.matched();
  }
  const bool was_thinking = splitter_.in_thought();
  std::vector<StreamPart> parts = splitter_.push(text);
  const bool of_thought = was_thinking || splitter_.in_thought();
  if (of_thought) ++reasoning_tokens_;
  if (logprob) keep(*logprob, of_thought, out);
  emit(std::move(parts), out);
  return !stops_.matched();
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
  for (StreamPart& part : parts) {
    std::string certain = part.thought ? std::move(part.text) : stops_.push(part.text);
    if (!certain.empty()) out.push_back(piece(part.thought, std::move(certain)));
  }
}

void AnswerText::finish(std::string_view reason, std::vector<Piece>& out) {
  if (!stops_.matched()) {
    const std::string rest = detokenizer_.finish();
    if (form_ == Form::raw) {
      emit({{false, rest}}, out);
    } else {
      emit(splitter_.push(rest), out);
      emit(splitter_.finish(), out);
    }
  }
  std::string held;
  if (stops_.matched()) {
    waiting_.clear();  // tokens of the stop string: their text never leaves
  } else {
    held = stops_.finish();
  }
  if (!waiting_.empty() && waiting_thought_) out.push_back(piece(true, ""));
  Piece last = piece(false, std::move(held));
  last.finish = reason;
  out.push_back(std::move(last));
}

}  // namespace hearth::serve
