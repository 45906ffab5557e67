// AnswerStream: one answer from token ids to text as it becomes certain: whole characters, thought
// and reply apart, nothing from a stop string on. Stop strings are looked for in the reply only: a
// thought may well speak of them. Raw text has no thought.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/text/stream/incremental_detokenizer.h"
#include "hearth/text/stream/reasoning_splitter.h"
#include "hearth/text/stream/stop_matcher.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth {

// The tokenizer must outlive it.
class AnswerStream {
 public:
  enum class Form : uint8_t { chat, chat_in_thought, raw };

  AnswerStream(const Tokenizer& tokenizer, Form form, const std::vector<std::string>& stops)
      : tokenizer_(tokenizer),
        form_(form),
        splitter_(form == Form::chat_in_thought),
        stops_(stops) {}

  // Whether a token is text of an answer. <think> and </think> are control tokens in some
  // vocabularies and plain ones in others; both ways they are seen, while no other control token
  // is.
  static bool is_text(const Tokenizer& tokenizer, int32_t id);

  // What became certain with a token; no part is empty. Once stopped() there is nothing to push.
  std::vector<StreamPart> push(int32_t id);
  // The end of a text: what was held back. More may follow, as a text of its own.
  std::vector<StreamPart> finish();

  bool in_thought() const { return form_ != Form::raw && splitter_.in_thought(); }
  bool stopped() const { return stops_.matched(); }

 private:
  std::vector<StreamPart> split(std::string text);
  void add_certain(std::vector<StreamPart> parts, std::vector<StreamPart>& out);

  const Tokenizer& tokenizer_;
  const Form form_;
  IncrementalDetokenizer detokenizer_;
  ReasoningSplitter splitter_;
  StopMatcher stops_;
};

}  // namespace hearth
