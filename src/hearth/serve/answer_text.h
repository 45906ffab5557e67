// AnswerText: the stream of one answer as the pieces that its channel carries, each with the log
// probabilities of its tokens; calls of tools apart, and the tokens of thoughts counted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hearth/engine/answer_stream.h"
#include "hearth/serve/answer_channel.h"
#include "hearth/text/tools/tool_call_parser.h"

namespace hearth::serve {

class AnswerText {
 public:
  using Form = AnswerStream::Form;

  AnswerText(const Tokenizer& tokenizer, Form form, const std::vector<std::string>& stops,
             int32_t choice);

  // From now on calls of tools are read from the reply. `single`: the first one ends it.
  void read_tool_calls(ToolDialect dialect, bool single);

  // The pieces that became certain with a token are appended to `out`. `logprob` may be null.
  // False: a stop string stands there, or the only call is whole; the answer ends.
  bool push(int32_t id, const TokenLogprob* logprob, std::vector<Piece>& out);
  // The tokens of an answer that another server began: their pieces were shown there, `each` hears
  // of them. False: it had ended.
  using Replayed = std::function<void(int32_t id, const std::vector<Piece>& pieces)>;
  bool replay(std::span<const int32_t> ids, const Replayed& each);
  bool words_out() const { return words_out_; }  // of the reply, among them
  // The end: what was held back, and the last piece with the reason, "stop" or "length"; an answer
  // that stops behind a call ends as "tool_calls".
  void finish(std::string_view reason, std::vector<Piece>& out);

  bool in_thought() const { return stream_.in_thought(); }
  int64_t tokens() const { return tokens_; }
  int64_t reasoning_tokens() const { return reasoning_tokens_; }

 private:
  struct Tools {
    Tools(ToolDialect dialect, bool one, const Tokenizer& tokenizer)
        : marks(dialect, tokenizer), parser(dialect, !marks.complete()), single(one) {}
    bool done() const { return single && parser.whole_calls() > 0; }

    ToolMarkIds marks;
    ToolCallParser parser;
    IncrementalDetokenizer characters;  // of calls
    bool single;
  };

  void emit(std::vector<StreamPart> parts, std::vector<Piece>& out);
  bool push_to_tools(int32_t id, std::vector<Piece>& out);
  void emit_calls(std::vector<ToolEvent> events, std::vector<Piece>& out);
  Piece piece(bool thought, std::string text);
  void keep(const TokenLogprob& logprob, bool thought, std::vector<Piece>& out);

  const Tokenizer& tokenizer_;
  AnswerStream stream_;
  std::optional<Tools> tools_;
  const int32_t choice_;
  std::vector<TokenLogprob> waiting_;  // of tokens whose text has not left yet
  bool waiting_thought_ = false;       // they are tokens of the thought
  int64_t tokens_ = 0;
  int64_t reasoning_tokens_ = 0;
  bool words_out_ = false;
};

}  // namespace hearth::serve
