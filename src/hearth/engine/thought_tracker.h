// ThoughtTracker: whether an answer is inside its thought, told token by token. The one rule for
// all who must know it before text is made: as ReasoningSplitter judges the text, a thought opens
// with <think> behind nothing but white space and ends with the first </think>, be a tag one token,
// part of one or spelled over several.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hearth/engine/answer_stream.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth {

class ThoughtTracker {
 public:
  // The tokenizer must outlive it.
  ThoughtTracker(const Tokenizer& tokenizer, AnswerStream::Form form);

  // One more token of the answer. True: the thought is open behind it.
  bool take(int32_t id);

  bool in_thought() const { return state_ == State::thought; }
  // Whether no thought can open any more: there was one, or something else came first.
  bool settled() const { return state_ == State::over; }
  // Whether an open thought would end inside `bytes` with some of them behind its end.
  bool would_close_within(std::string_view bytes) const;

 private:
  enum class State : uint8_t { start, thought, over };

  void read(char byte);

  const Tokenizer* tokenizer_;
  State state_;
  size_t tag_ = 0;  // bytes of the tag that is awaited: those that were just read
};

}  // namespace hearth
