// See extract_code.h. Fences as in Markdown: three backticks or tildes or more, closed by as many.
#include "hearth/eval/code/extract_code.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace hearth::code {
namespace {

bool is_word_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

struct Line {
  std::string_view text;  // without its break
  size_t begin, next;     // of the line, of the one after it
};

Line line_at(std::string_view text, size_t begin) {
  const size_t end = std::min(text.find('\n', begin), text.size());
  std::string_view line = text.substr(begin, end - begin);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return {line, begin, std::min(end + 1, text.size())};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

struct Fence {
  char mark;
  size_t length;
  size_t indent;
  std::string info;  // first word behind it, in small letters
};

std::optional<Fence> fence_of(std::string_view whole) {
  const std::string_view line = trimmed(whole);
  if (line.empty() || (line[0] != '`' && line[0] != '~')) return std::nullopt;
  const size_t length = std::min(line.find_first_not_of(line[0]), line.size());
  if (length < 3) return std::nullopt;
  std::string_view info = trimmed(line.substr(length));
  info = info.substr(0, info.find_first_of(" \t{"));
  Fence fence{line[0], length, whole.find(line[0]), std::string(info)};
  for (char& c : fence.info) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return fence;
}

bool names_language(std::string_view info, Language language) {
  constexpr std::array<std::string_view, 4> kPython = {"", "python", "python3", "py"};
  constexpr std::array<std::string_view, 6> kCpp = {"", "cpp", "c++", "cc", "cxx", "c"};
  const auto among = [&](const auto& names) {
    return std::find(names.begin(), names.end(), info) != names.end();
  };
  return language == Language::python ? among(kPython) : among(kCpp);
}

bool defines_python(std::string_view line, std::string_view name) {
  line = trimmed(line);
  for (const std::string_view word : {"async def ", "def ", "class "}) {
    if (!line.starts_with(word)) continue;
    line = trimmed(line.substr(word.size()));
    return line.starts_with(name) &&
           (line.size() == name.size() || !is_word_byte(line[name.size()]));
  }
  return false;
}

// Whether `name(` stands in the line as a word of its own, and what comes behind it opens a brace:
// a declaration ends in `;` first, and so does a call.
bool defines_cpp(std::string_view program, const Line& line, std::string_view name) {
  if (name.empty() || trimmed(line.text).starts_with("//")) return false;
  for (size_t at = 1; (at = line.text.find(name, at)) != line.text.npos; ++at) {
    const size_t after = line.text.find_first_not_of(' ', at + name.size());
    if (after == line.text.npos) return false;
    if (is_word_byte(line.text[at - 1]) || line.text[after] != '(') continue;
    const size_t end = program.find_first_of("{;", line.begin + after);
    return end != program.npos && program[end] == '{';
  }
  return false;
}

// A block inside a list is indented as its fence is, which is no part of the program.
std::string without_indent(std::string_view block, size_t indent) {
  std::string out;
  for (size_t begin = 0; begin < block.size();) {
    const Line line = line_at(block, begin);
    const size_t spaces = std::min(line.text.find_first_not_of(' '), line.text.size());
    const size_t from = begin + std::min(spaces, indent);
    out += block.substr(from, line.next - from);
    begin = line.next;
  }
  return out;
}

}  // namespace

size_t definition_of(std::string_view program, Language language, std::string_view name) {
  size_t found = program.npos;
  for (size_t begin = 0; begin < program.size();) {
    const Line line = line_at(program, begin);
    begin = line.next;
    if (language == Language::python ? defines_python(line.text, name)
                                     : defines_cpp(program, line, name)) {
      found = line.begin;
      if (language == Language::python) return found;
    }
  }
  return found;
}

std::string extract_code(std::string_view reply, Language language, std::string_view name) {
  std::optional<std::string> last, defining;
  std::optional<Fence> open;
  size_t content = 0;  // where the open block's text begins
  const auto close = [&](size_t end) {
    const std::string block = without_indent(reply.substr(content, end - content), open->indent);
    if (names_language(open->info, language)) {
      last = block;
      if (name.empty() || definition_of(block, language, name) != block.npos) defining = block;
    }
    open.reset();
  };
  for (size_t begin = 0; begin < reply.size();) {
    const Line line = line_at(reply, begin);
    begin = line.next;
    const auto fence = fence_of(line.text);
    if (!fence) continue;
    if (!open) {
      open = fence;
      content = line.next;
    } else if (fence->mark == open->mark && fence->length >= open->length && fence->info.empty()) {
      close(line.begin);
    }
  }
  if (open) close(reply.size());  // cut off: what is there is the program
  if (defining) return *defining;
  return last.value_or(std::string(reply));
}

}  // namespace hearth::code
