// AnswerText: one answer from token ids to pieces of text: whole characters, thought and reply
// apart, nothing from a stop string on. Stop strings are looked for in the reply only: a thought
// may well speak of them. A raw completion is one text without a thought.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/serve/answer_channel.h"
#include "hearth/text/stream/incremental_detokenizer.h"
#include "hearth/text/stream/reasoning_splitter.h"
#include "hearth/text/stream/stop_matcher.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth::serve {

class AnswerText {
 public:
  enum class Form : uint8_t { chat, chat_in_thought, raw };

  AnswerText(const Tokenizer& tokenizer, Form form, const std::vector<std::string>& stops,
             int32_t choice);

  // The pieces that became certain with a token are appended to `out`. `logprob` may be null.
  // False: a stop string stands there, the answer ends.
  bool push(int32_t id, const TokenLogprob* logprob, std::vector<Piece>& out);
  // The end: what was held back, and the last piece with the reason, "stop" or "length".
  void finish(std::string_view reason, std::vector<Piece>& out);

  int64_t tokens() const { return tokens_; }
  int64_t reasoning_tokens() const { return reasoning_tokens_; }

 private:
  bool visible(int32_t id) const;
  void emit(std::vector<StreamPart> parts, std::vector<Piece>& out);
  Piece piece(bool thought, std::string text);
  void keep(const TokenLogprob& logprob, bool thought, std::vector<Piece>& out);

  const Tokenizer& tokenizer_;
  const Form form_;
  const int32_t choice_;
  IncrementalDetokenizer detokenizer_;
  ReasoningSplitter splitter_;
  StopMatcher stops_;
  std::vector<TokenLogprob> waiting_;  // of tokens whose text has not left yet
  bool waiting_thought_ = false;       // they are tokens of the thought
  int64_t tokens_ = 0;
  int64_t reasoning_tokens_ = 0;
};

}  // namespace hearth::serve
