// See line_input.h.
#include "hearth/cli/line_input.h"

#include <histedit.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <string_view>
#include <utility>

#include "hearth/cli/interrupt.h"
#include "hearth/cli/verb.h"

namespace hearth::cli {
namespace {

constexpr std::wstring_view kPasteEnd = L"\x1b[201~";
constexpr wchar_t kBreakCharacter = L'\x23CE';

// Ctrl-D typed while an answer was written: readable, with no byte to read. libedit, which takes
// the terminal out of line mode, would never see it.
bool end_was_typed_ahead() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  int bytes = 0;
  return stdin_is_terminal() && ::poll(&input, 1, 0) == 1 &&
         ::ioctl(STDIN_FILENO, FIONREAD, &bytes) == 0 && bytes == 0;
}

const char* g_prompt = "";  // libedit asks for it without saying for whom
char* prompt_of(EditLine*) {
  return const_cast<char*>(g_prompt);  // which libedit only reads
}

// Called behind the mark that a terminal puts before pasted text: all up to the mark behind it goes
// into the line. What is no character to show, an escape among them, is left out.
unsigned char insert_paste(EditLine* editor, int) {
  std::wstring text;
  for (wchar_t c = 0; !text.ends_with(kPasteEnd);) {
    if (el_wgetc(editor, &c) != 1) return CC_EOF;
    text += c;
  }
  text.resize(text.size() - kPasteEnd.size());
  while (text.ends_with(L'\r') || text.ends_with(L'\n')) text.pop_back();
  std::wstring line;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool pair = text[i] == L'\n' && i > 0 && text[i - 1] == L'\r';
    if (pair) continue;
    if (text[i] == L'\r' || text[i] == L'\n') {
      line += kBreakCharacter;
    } else if (text[i] == L'\t' || (text[i] >= L' ' && text[i] != L'\x7F')) {
      line += text[i];
    }
  }
  if (line.empty()) return CC_NORM;
  return el_winsertstr(editor, line.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

// Asks the terminal to mark what is pasted, while a line is read.
class PasteMarks {
 public:
  PasteMarks() { say("\x1b[?2004h"); }
  ~PasteMarks() { say("\x1b[?2004l"); }
  PasteMarks(const PasteMarks&) = delete;
  PasteMarks& operator=(const PasteMarks&) = delete;

 private:
  static void say(const char* text) {
    const char* terminal = std::getenv("TERM");
    if (!stdout_is_terminal() || !terminal || std::string_view(terminal) == "dumb") return;
    std::fputs(text, stdout);
    std::fflush(stdout);
  }
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

bool stdin_is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

LineInput::LineInput(ChatHistory& history) : kept_(history) {
  // libedit counts columns by the locale: without a UTF-8 one Chinese would be misplaced.
  const char* set = std::setlocale(LC_CTYPE, "");
  if (!set || MB_CUR_MAX < 4) std::setlocale(LC_CTYPE, "C.UTF-8");
  editor_ = el_init("hearth", stdin, stdout, stderr);
  history_ = history_init();
  CHECK(editor_ != nullptr && history_ != nullptr);
  HistEvent event;
  ::history(history_, &event, H_SETSIZE, ChatHistory::kEntriesMax);
  ::history(history_, &event, H_SETUNIQUE, 1);
  for (const std::string& line : kept_.entries())
    ::history(history_, &event, H_ENTER, line.c_str());
  el_set(editor_, EL_PROMPT, prompt_of);
  el_set(editor_, EL_EDITOR, "emacs");
  el_set(editor_, EL_HIST, ::history, history_);
  bind_keys();
  el_source(editor_, nullptr);  // the user's ~/.editrc
}

LineInput::~LineInput() {
  history_end(history_);
  el_end(editor_);
}

void LineInput::bind_keys() {
  constexpr std::array<std::pair<const char*, const char*>, 13> kKeys = {{
      {"\\e[200~", "hearth-paste"},
      {"\\e[1~", "ed-move-to-beg"},
      {"\\e[4~", "ed-move-to-end"},
      {"\\e[7~", "ed-move-to-beg"},
      {"\\e[8~", "ed-move-to-end"},
      {"\\e[H", "ed-move-to-beg"},
      {"\\e[F", "ed-move-to-end"},
      {"\\e[3~", "ed-delete-next-char"},
      {"\\e[1;5C", "em-next-word"},
      {"\\e[1;5D", "ed-prev-word"},
      {"\\e[5C", "em-next-word"},
      {"\\e[5D", "ed-prev-word"},
      {"^R", "em-inc-search-prev"},
  }};
  el_set(editor_, EL_ADDFN, "hearth-paste", "puts pasted text into the line", insert_paste);
  for (const auto& [key, command] : kKeys) el_set(editor_, EL_BIND, key, command, nullptr);
}

std::optional<std::string> LineInput::read(const char* prompt) {
  // Ctrl-C drops the line and not the chat: it is often meant for an answer that just ended.
  const InterruptGuard interrupt;
  g_prompt = prompt;
  const char* read = nullptr;
  int count = 0;
  if (!end_was_typed_ahead()) {
    // A Ctrl-D between the prompt and the first read would be an end of file in line mode and
    // nothing afterwards. So line mode is left before.
    if (stdin_is_terminal()) el_set(editor_, EL_PREP_TERM, 1);
    const PasteMarks marks;
    read = el_gets(editor_, &count);
  }
  if (!read || count <= 0) {
    std::fputc('\n', stdout);
    if (interrupt.pressed()) return "";
    return std::nullopt;
  }
  std::string line(read, static_cast<size_t>(count));
  if (line.ends_with('\n')) line.pop_back();
  if (!line.empty()) remember(line);
  replace_all(line, kBreak, "\n");
  return line;
}

void LineInput::remember(const std::string& line) {
  HistEvent event;
  ::history(history_, &event, H_ENTER, line.c_str());
  kept_.add(line);
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
