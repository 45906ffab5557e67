// Lines from a person: editing, history and double-width characters by libedit.
#pragma once

#include <optional>
#include <string>

namespace hearth::cli {

bool stdin_is_terminal();

class LineInput {
 public:
  LineInput();
  // The next line without its end; nullopt at the end of input (Ctrl-D).
  std::optional<std::string> read(const char* prompt);
  // A line, or all between `"""` at the beginning of one and `"""` at the end of one.
  std::optional<std::string> read_message(const char* prompt);
};

}  // namespace hearth::cli
