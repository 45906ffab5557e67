// How an answer looks in the terminal while it is written.
#pragma once

#include <string_view>

#include "hearth/cli/verb.h"
#include "hearth/engine/generation.h"

namespace hearth::cli {

class ChatView {
 public:
  explicit ChatView(const Session& session);

  // A piece of text as it becomes certain. Without colour the thought stands between its tags.
  void show(std::string_view text, bool thought);
  // The end: speed on standard error, or the whole as JSON.
  void finish(const TextReply& reply, const Timings& timings, int64_t prompt_tokens);

 private:
  void enter(bool thought);
  void close_thought();

  const Session& session_;
  bool colour_;
  enum class Part { none, thought, answer } part_ = Part::none;
};

}  // namespace hearth::cli
