// Lines from a person: editing, history, double-width characters and pasted text by libedit.
#pragma once

#include <optional>
#include <string>

#include "hearth/cli/chat_history.h"

struct editline;
struct history;

namespace hearth::cli {

bool stdin_is_terminal();

// One at a time. A pasted line break stands in the line as kBreak, so that what is pasted is one
// line to edit and to call back.
class LineInput {
 public:
  static constexpr const char* kBreak = "\xE2\x8F\x8E";  // U+23CE, the symbol of the return key

  // `history`: outlives it; what it holds can be called back.
  explicit LineInput(ChatHistory& history);
  ~LineInput();
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  // The next line without its end, its kBreak as line breaks; nullopt at the end of input (Ctrl-D).
  std::optional<std::string> read(const char* prompt);
  // A line, or all between `"""` at the beginning of one and `"""` at the end of one.
  std::optional<std::string> read_message(const char* prompt);

 private:
  void bind_keys();
  void remember(const std::string& line);

  ChatHistory& kept_;
  struct editline* editor_;
  struct history* history_;  // a function has the same name
};

}  // namespace hearth::cli
