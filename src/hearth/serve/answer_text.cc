// See answer_text.h.
#include "hearth/serve/answer_text.h"

#include <utility>

namespace hearth::serve {

AnswerText::AnswerText(const Tokenizer& tokenizer, Form form, const std::vector<std::string>& stops,
                       int32_t choice)
    : tokenizer_(tokenizer), stream_(tokenizer, form, stops), choice_(choice) {}

void AnswerText::read_tool_calls(ToolDialect dialect, bool single) {
  tools_.emplace(dialect, single, tokenizer_);
}

// True: the token is part of a call, or a mark around one. Stop strings have no say in there.
bool AnswerText::push_to_tools(int32_t id, std::vector<Piece>& out) {
  if (!tools_ || stream_.in_thought()) return false;
  std::vector<ToolEvent> events;
  if (const auto mark = tools_->marks.find(id)) {
    emit(stream_.finish(), out);  // the text before it is whole
    tools_->parser.push(tools_->characters.finish(), events);
    tools_->parser.push(*mark, events);
  } else if (tools_->parser.in_calls()) {
    tools_->parser.push(tools_->characters.push(tokenizer_.token_bytes(id)), events);
  } else {
    return false;
  }
  emit_calls(std::move(events), out);
  return true;
}

void AnswerText::emit_calls(std::vector<ToolEvent> events, std::vector<Piece>& out) {
  for (ToolEvent& e : events) {
    Piece made = piece(false, std::move(e.text));
    if (e.kind != ToolEvent::Kind::text) made.call = e.call;
    made.call_name = e.kind == ToolEvent::Kind::name;
    out.push_back(std::move(made));
  }
}

bool AnswerText::push(int32_t id, const TokenLogprob* logprob, std::vector<Piece>& out) {
  ++tokens_;
  if (push_to_tools(id, out)) return !tools_->done();
  const bool was_thinking = stream_.in_thought();
  std::vector<StreamPart> parts = stream_.push(id);
  const bool of_thought = was_thinking || stream_.in_thought();
  if (of_thought) ++reasoning_tokens_;
  if (logprob) keep(*logprob, of_thought, out);
  emit(std::move(parts), out);
  return !stream_.stopped() && !(tools_ && tools_->done());
}

bool AnswerText::replay(std::span<const int32_t> ids, const Replayed& each) {
  for (const int32_t id : ids) {
    std::vector<Piece> shown;
    if (!push(id, nullptr, shown)) return false;
    each(id, shown);
    for (const Piece& p : shown) {
      words_out_ = words_out_ || (!p.thought && p.call < 0 && !p.text.empty());
    }
  }
  return true;
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
    if (part.thought || !tools_) {
      out.push_back(piece(part.thought, std::move(part.text)));
      continue;
    }
    std::vector<ToolEvent> events;
    tools_->parser.push(part.text, events);
    emit_calls(std::move(events), out);
  }
}

void AnswerText::finish(std::string_view reason, std::vector<Piece>& out) {
  std::vector<StreamPart> parts = stream_.finish();
  if (tools_) {
    emit(std::exchange(parts, {}), out);
    std::vector<ToolEvent> events;
    tools_->parser.push(tools_->characters.finish(), events);
    tools_->parser.finish(events);
    emit_calls(std::move(events), out);
    if (reason == "stop" && tools_->parser.calls() > 0) reason = "tool_calls";
  }
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
