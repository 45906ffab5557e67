// How an answer looks in the terminal while it is written.
#pragma once

#include <cstdint>
#include <string_view>

#include "hearth/cli/verb.h"
#include "hearth/engine/generation.h"

namespace hearth::cli {

struct ChatViewOptions {
  bool thoughts = true;  // shown, else only their length
  int64_t prompt_tokens = 0;
  int64_t context = 0;
};

class ChatView {
 public:
  ChatView(const Session& session, const ChatViewOptions& options);

  // How much of a long prompt is read, to whom watches standard error.
  void show_prompt(int64_t computed);
  // A piece of text as it becomes certain, for each token. Without colour the thought stands
  // between its tags.
  void show(std::string_view text, bool thought);
  // The end: speed and room on standard error, or the whole as JSON.
  void finish(const TextReply& reply, const Timings& timings);
  // The end without an answer: what was shown is ended, so that an error has its own line.
  void fail();

 private:
  void enter(bool thought);
  void close_thought();
  void end_text();
  void clear_prompt();

  const Session& session_;
  const ChatViewOptions options_;
  bool colour_;
  bool prompt_shown_ = false;
  int64_t thought_tokens_ = 0;
  enum class Part { none, thought, answer } part_ = Part::none;
};

}  // namespace hearth::cli
