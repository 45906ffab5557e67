// See extract.h.
#include "hearth/eval/math/extract.h"

#include <algorithm>
#include <array>

#include "hearth/eval/math/digits.h"

namespace hearth::math {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kLooks = " \t\r\n*`";
  const size_t begin = std::min(text.find_first_not_of(kLooks), text.size());
  text.remove_prefix(begin);
  while (!text.empty() && kLooks.find(text.back()) != kLooks.npos) text.remove_suffix(1);
  return text;
}

// Marks of an answer, in lower case; what follows up to the end of the sentence is the answer.
constexpr std::array<std::string_view, 14> kMarks = {
    "answer is", "answer:", "answer：", "answer to the question is",
    "答案是",    "答案为",  "答案:",    "答案：",
    "答案应为",  "结果是",  "结果为",   "故选",
    "应选",      "选择"};

// End of the sentence that begins at 0: a line, a full stop that isn't a decimal point, a 。
size_t sentence_end(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' || text.substr(i).starts_with("。")) return i;
    if (text[i] != '.') continue;
    const bool ends = i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\n' ||
                      text[i + 1] == '*' || text[i + 1] == '$';
    if (ends) return i;
  }
  return text.size();
}

// A sign of dollars, "\$", is no mark of mathematics.
size_t find_mark(std::string_view text, std::string_view mark, size_t from) {
  size_t at = text.find(mark, from);
  while (at != text.npos && mark[0] == '$' && at > 0 && text[at - 1] == '\\') {
    at = text.find(mark, at + 1);
  }
  return at;
}

// Between the first pair of $, \( \) or \[ \], if there is one.
std::string_view inside_math(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPairs = {
      {{"$$", "$$"}, {"$", "$"}, {"\\(", "\\)"}, {"\\[", "\\]"}}};
  for (const auto& [open, close] : kPairs) {
    const size_t begin = find_mark(text, open, 0);
    if (begin == text.npos) continue;
    const size_t end = find_mark(text, close, begin + open.size());
    if (end == text.npos) continue;
    return text.substr(begin + open.size(), end - begin - open.size());
  }
  return text;
}

std::optional<std::string> after_mark(std::string_view reply) {
  std::string lower(reply);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  size_t last = 0;
  for (const std::string_view mark : kMarks) {
    const size_t at = lower.rfind(mark);
    if (at != lower.npos) last = std::max(last, at + mark.size());
  }
  if (last == 0) return std::nullopt;
  std::string_view rest = reply.substr(last);
  for (bool more = true; more;) {  // "the answer is: **5**", "答案是：\n5"
    rest = trimmed(rest);
    more = false;
    for (const std::string_view skip : {":", "：", "="}) {
      if (!rest.starts_with(skip)) continue;
      rest.remove_prefix(skip.size());
      more = true;
    }
  }
  const std::string_view answer =
      trimmed(inside_math(rest.substr(0, std::min(rest.find('\n'), rest.size()))));
  const std::string_view sentence = trimmed(answer.substr(0, sentence_end(answer)));
  return sentence.empty() ? std::nullopt : std::optional(std::string(sentence));
}

// On the last line alone: more text after it makes it a heading of Markdown ("#### Step 3").
std::optional<std::string> after_hashes(std::string_view reply) {
  const size_t at = reply.rfind("####");
  if (at == reply.npos) return std::nullopt;
  std::string_view rest = reply.substr(at + 4);
  const size_t end = std::min(rest.find('\n'), rest.size());
  if (rest.find_first_not_of(" \t\r\n", end) != rest.npos) return std::nullopt;
  rest = trimmed(rest.substr(0, end));
  return rest.empty() ? std::nullopt : std::optional(std::string(rest));
}

// The text up to the brace that closes the one before `begin`; nullopt: nothing closes it.
std::optional<std::string_view> balanced(std::string_view text, size_t begin) {
  int depth = 1;
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return text.substr(begin, i - begin);
    }
  }
  return std::nullopt;
}

// The content of the box whose command ends before `at`: in braces, or "\boxed 5" up to a $.
std::string_view box_content(std::string_view text, size_t at) {
  const size_t open = std::min(text.find_first_not_of(" \t\n", at), text.size());
  if (open < text.size() && text[open] == '{') {
    return trimmed(balanced(text, open + 1).value_or(""));
  }
  if (open == at || text.substr(at, open - at).find('\n') != text.npos) return "";
  return trimmed(text.substr(open, std::min(text.find_first_of("$\n", open), text.size()) - open));
}

}  // namespace

std::string_view answer_place_name(AnswerPlace place) {
  static constexpr std::array<std::string_view, 4> kNames = {"boxed", "hashes", "phrase",
                                                             "last_number"};
  return kNames[static_cast<size_t>(place)];
}

std::optional<std::string> last_boxed(std::string_view text) {
  // From the end: an unfinished box (a reply cut off) gives way to the one before it. Each box is
  // read once, so the bound on boxes bounds the work.
  constexpr int kBoxesMax = 64;
  size_t before = text.size();
  for (int i = 0; i < kBoxesMax; ++i) {
    size_t found = text.npos, size = 0;
    for (const std::string_view command : {"\\boxed", "\\fbox"}) {
      const size_t at = before == 0 ? text.npos : text.rfind(command, before - 1);
      if (at == text.npos || (found != text.npos && at < found)) continue;
      found = at;
      size = command.size();
    }
    if (found == text.npos) return std::nullopt;
    const std::string_view content = box_content(text, found + size);
    if (!content.empty()) return std::string(content);
    before = found;
  }
  return std::nullopt;
}

std::optional<std::string> last_number(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && !is_digit(text[end - 1])) --end;
  if (end == 0) return std::nullopt;
  std::string reversed;
  size_t at = end;
  bool point = false;
  // A comma or a point belongs to the number only between digits: "1,234" but not "7, 8".
  while (at > 0) {
    const char c = text[at - 1];
    const bool between = at > 1 && is_digit(text[at - 2]) && at < end;
    if (is_digit(c)) {
      reversed += c;
    } else if (c == '.' && between && !point) {
      point = true;
      reversed += c;
    } else if (c != ',' || !between) {
      break;
    }
    --at;
  }
  constexpr std::string_view kMinusSign = "−";  // U+2212
  const std::string_view before = text.substr(0, at);
  // "12-5": the dash is an operator when a digit stands before it.
  const bool hyphen = before.ends_with('-') && !(at > 1 && is_digit(text[at - 2]));
  if (hyphen || before.ends_with(kMinusSign)) reversed += '-';
  return std::string(reversed.rbegin(), reversed.rend());
}

std::optional<ExtractedAnswer> extract_answer(std::string_view written) {
  const std::string reply = ascii_digits(written);
  if (auto text = last_boxed(reply)) return ExtractedAnswer{*std::move(text), AnswerPlace::boxed};
  if (auto text = after_hashes(reply)) {
    return ExtractedAnswer{*std::move(text), AnswerPlace::hashes};
  }
  if (auto text = after_mark(reply)) return ExtractedAnswer{*std::move(text), AnswerPlace::phrase};
  if (auto text = last_number(reply)) {
    return ExtractedAnswer{*std::move(text), AnswerPlace::last_number};
  }
  return std::nullopt;
}

}  // namespace hearth::math
