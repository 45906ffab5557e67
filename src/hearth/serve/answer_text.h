// AnswerText: the stream of one answer as the pieces that its channel carries, each with the log
// probabilities of its tokens, and the tokens of thoughts counted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/engine/answer_stream.h"
#include "hearth/serve/answer_channel.h"

namespace hearth::serve {

class AnswerText {
 public:
  using Form = AnswerStream::Form;

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
  void emit(std::vector<StreamPart> parts, std::vector<Piece>& out);
  Piece piece(bool thought, std::string text);
  void keep(const TokenLogprob& logprob, bool thought, std::vector<Piece>& out);

  AnswerStream stream_;
  const int32_t choice_;
  std::vector<TokenLogprob> waiting_;  // of tokens whose text has not left yet
  bool waiting_thought_ = false;       // they are tokens of the thought
  int64_t tokens_ = 0;
  int64_t reasoning_tokens_ = 0;
};

}  // namespace hearth::serve
