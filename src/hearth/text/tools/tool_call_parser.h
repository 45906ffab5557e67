// The calls of tools in an answer, as they are written: text before them, then for each call its
// name and its arguments piece by piece. What only looks like a call is text: nothing is lost.
//
// Marks come as marks where the vocabulary has them as tokens; their text, which a user may have
// put into the conversation and the model may repeat, is then plain text and forges no call. In
// other vocabularies the text itself is looked for, everywhere but in the strings of arguments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/text/tools/json_value_end.h"
#include "hearth/text/tools/tool_dialect.h"

namespace hearth {

inline constexpr int32_t kCallsMax = 128;  // of one answer; the rest is text

struct ToolEvent {
  enum class Kind : uint8_t { text, name, arguments };
  Kind kind = Kind::text;
  int32_t call = 0;  // which one, from 0; of names and arguments
  std::string text;  // `name` comes once and whole, before the call's arguments
};

class ToolCallParser {
 public:
  // `marks_in_text`: look for marks in the text (ToolMarkIds::complete() is false).
  ToolCallParser(ToolDialect dialect, bool marks_in_text);

  void push(std::string_view text, std::vector<ToolEvent>& out);
  void push(ToolMark mark, std::vector<ToolEvent>& out);
  // The end of the answer: a call that is still open ends, what was held back leaves.
  void finish(std::vector<ToolEvent>& out);

  // Between the first mark and the last: nothing of this is for the reader.
  bool in_calls() const { return state_ != State::text; }
  int32_t calls() const { return calls_; }
  // Of these, those that ended: by their mark, or with the answer.
  int32_t whole_calls() const { return calls_ - (open_ ? 1 : 0); }

 private:
  // text: before the calls. between: inside, no call open. head: of a call, before its arguments.
  enum class State : uint8_t { text, between, head, arguments, tail };

  void plain(std::string_view text, std::vector<ToolEvent>& out);
  void look_for_marks(bool at_end, std::vector<ToolEvent>& out);
  void read_head(std::vector<ToolEvent>& out);
  bool read_deepseek_head(std::string& name, size_t& arguments) const;
  void begin_call(std::string name, std::vector<ToolEvent>& out);
  void read_arguments(std::string_view text, std::vector<ToolEvent>& out);
  void end_call(std::vector<ToolEvent>& out);
  void give_back(std::vector<ToolEvent>& out);

  const ToolDialect dialect_;
  const bool marks_in_text_;
  State state_ = State::text;
  std::string pending_;     // in text mode: may be the beginning of a mark
  std::string head_;        // of the open call
  bool separated_ = false;  // its separator was there
  size_t before_separator_ = 0;
  JsonValueEnd value_;  // of its arguments
  int32_t calls_ = 0;
  bool open_ = false;   // the last of them has not ended
  bool blank_ = false;  // behind the beginning or a call, only white space was seen: it is no text
};

}  // namespace hearth
