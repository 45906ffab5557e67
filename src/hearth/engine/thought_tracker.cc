// See thought_tracker.h.
#include "hearth/engine/thought_tracker.h"

namespace hearth {
namespace {

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";

// How much of kClose the text ends in, after one byte more. Its first byte stands in it once only.
size_t closing_after(size_t closing, char byte) {
  if (byte == kClose[closing]) return closing + 1;
  return byte == kClose[0] ? 1 : 0;
}

}  // namespace

ThoughtTracker::ThoughtTracker(const Tokenizer& tokenizer, AnswerStream::Form form)
    : tokenizer_(&tokenizer),
      state_(form == AnswerStream::Form::chat_in_thought ? State::thought
             : form == AnswerStream::Form::chat          ? State::start
                                                         : State::over) {}

void ThoughtTracker::read(char byte) {
  if (state_ == State::start) {
    if (tag_ == 0 && (byte == ' ' || byte == '\n')) return;
    if (byte != kOpen[tag_]) {
      state_ = State::over;
    } else if (++tag_ == kOpen.size()) {
      state_ = State::thought;
      tag_ = 0;
    }
  } else if (state_ == State::thought) {
    tag_ = closing_after(tag_, byte);
    if (tag_ == kClose.size()) state_ = State::over;
  }
}

bool ThoughtTracker::take(int32_t id) {
  if (state_ != State::over && AnswerStream::is_text(*tokenizer_, id)) {
    for (char byte : tokenizer_->token_bytes(id)) read(byte);
  }
  return in_thought();
}

bool ThoughtTracker::would_close_within(std::string_view bytes) const {
  size_t closing = tag_;
  for (size_t i = 0; in_thought() && i + 1 < bytes.size(); ++i) {
    closing = closing_after(closing, bytes[i]);
    if (closing == kClose.size()) return true;
  }
  return false;
}

}  // namespace hearth
