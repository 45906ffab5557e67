// See line_input.h.
#include "hearth/cli/line_input.h"

#include <editline/readline.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "hearth/cli/interrupt.h"

namespace hearth::cli {
namespace {

// Ctrl-D typed while an answer was written: readable, with no byte to read. libedit, which takes
// the terminal out of line mode, would never see it.
bool end_was_typed_ahead() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  int bytes = 0;
  return stdin_is_terminal() && ::poll(&input, 1, 0) == 1 &&
         ::ioctl(STDIN_FILENO, FIONREAD, &bytes) == 0 && bytes == 0;
}

// libedit shows the prompt first and leaves line mode at its first read: a Ctrl-D typed in between
// would be an end of file in line mode and nothing afterwards. So line mode is left before.
int leave_line_mode() {
  ::rl_prep_terminal(1);
  return 0;
}

}  // namespace

bool stdin_is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

LineInput::LineInput() {
  // libedit counts columns by the locale: without a UTF-8 one Chinese would be misplaced.
  const char* set = std::setlocale(LC_CTYPE, "");
  if (!set || MB_CUR_MAX < 4) std::setlocale(LC_CTYPE, "C.UTF-8");
  if (stdin_is_terminal()) ::rl_pre_input_hook = leave_line_mode;
}

std::optional<std::string> LineInput::read(const char* prompt) {
  // Ctrl-C drops the line and not the chat: it is often meant for an answer that just ended.
  const InterruptGuard interrupt;
  char* line = end_was_typed_ahead() ? nullptr : ::readline(prompt);
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

std::optional<std::string> LineInput::read_message(const char* prompt) {
  constexpr std::string_view kFence = "\"\"\"";
  std::optional<std::string> text = read(prompt);
  if (!text || !text->starts_with(kFence)) return text;
  text->erase(0, kFence.size());
  while (!text->ends_with(kFence)) {
    const std::optional<std::string> more = read(". ");
    if (!more) return std::nullopt;
    *text += "\n" + *more;
  }
  text->erase(text->size() - kFence.size());
  return text;
}

}  // namespace hearth::cli
