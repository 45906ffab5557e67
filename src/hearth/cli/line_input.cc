// See line_input.h.
#include "hearth/cli/line_input.h"

#include <editline/readline.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>

#include "hearth/cli/interrupt.h"

namespace hearth::cli {

bool stdin_is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

LineInput::LineInput() {
  // libedit counts columns by the locale: without a UTF-8 one Chinese would be misplaced.
  const char* set = std::setlocale(LC_CTYPE, "");
  if (!set || MB_CUR_MAX < 4) std::setlocale(LC_CTYPE, "C.UTF-8");
}

std::optional<std::string> LineInput::read(const char* prompt) {
  // Ctrl-C drops the line and not the chat: it is often meant for an answer that just ended.
  const InterruptGuard interrupt;
  char* line = ::readline(prompt);
  if (!line && interrupt.pressed()) {
    std::fputc('\n', stdout);
    return "";
  }
  if (!line) {
    std::fputc('\n', stdout);
    return std::nullopt;
  }
  std::string text = line;
  std::free(line);
  if (!text.empty()) ::add_history(text.c_str());
  return text;
}

}  // namespace hearth::cli
