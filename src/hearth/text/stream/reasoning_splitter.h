// Splits an answer of R1 into thought and reply by its <think> and </think> tags, which may fall
// across pieces. As DeepSeek's API shows it: without the tags, without the line breaks around them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth {

struct StreamPart {
  bool thought;
  std::string text;
};

class ReasoningSplitter {
 public:
  // `opens_thought`: the prompt ended in <think>, the answer begins inside the thought.
  explicit ReasoningSplitter(bool opens_thought)
      : state_(opens_thought ? State::thought : State::start), trimming_(true) {}

  // The parts that became certain. Only a beginning may be a thought: a tag later is plain text.
  std::vector<StreamPart> push(std::string_view text);
  // What was held back; an open thought simply ends.
  std::vector<StreamPart> finish();

  bool in_thought() const { return state_ == State::thought; }

 private:
  enum class State { start, thought, reply };

  void advance(bool at_end, std::vector<StreamPart>& out);
  bool advance_start(bool at_end);
  bool advance_thought(bool at_end, std::vector<StreamPart>& out);
  void emit(std::string_view text, std::vector<StreamPart>& out);

  State state_;
  bool trimming_;        // line breaks at the beginning of a part are dropped
  std::string pending_;  // may be part of a tag, or line breaks before one
};

}  // namespace hearth
