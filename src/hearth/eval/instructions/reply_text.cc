// See reply_text.h.
#include "hearth/eval/instructions/reply_text.h"

#include <algorithm>
#include <array>

#include "hearth/eval/translation/words.h"
#include "hearth/text/template/characters.h"
#include "hearth/text/tokenizer/unicode.h"

namespace hearth::instructions {
namespace {

constexpr std::array<std::string_view, 22> kAbbreviations = {
    "mr", "mrs", "ms",  "dr",  "prof", "st",     "jr",   "sr",  "vs",  "eg",  "ie",
    "co", "ltd", "fig", "e.g", "i.e",  "approx", "ph.d", "u.s", "a.m", "p.m", "messrs"};
// Words, too, or what a sentence often ends with: they end it where a capital follows.
constexpr std::array<std::string_view, 3> kSometimes = {"no", "etc", "inc"};

// Full stops and their like of scripts that put no space behind them, or write another sign.
bool ends_without_space(uint32_t c) {
  return c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0x0964 || c == 0x061F || c == 0x06D4 ||
         c == 0x104B;
}

bool is_end_of_sentence(uint32_t c) {
  return c == '.' || c == '!' || c == '?' || c == 0x2026 || ends_without_space(c);
}

bool is_closing(uint32_t c) {
  return c == '"' || c == '\'' || c == ')' || c == ']' || c == '*' || c == '_' || c == 0x201D ||
         c == 0x2019 || c == 0x300D || c == 0x300F || c == 0xFF09;
}

bool is_white(uint32_t c) {
  return (unicode_classes(c) & kSpace) != 0;
}

// The word before a full stop at `stop`, with full stops inside it.
std::string word_before(std::string_view text, size_t stop) {
  size_t begin = stop;
  while (begin > 0 && static_cast<unsigned char>(text[begin - 1]) > ' ' && text[begin - 1] != '(') {
    --begin;
  }
  return lower(text.substr(begin, stop - begin));
}

// What the next word begins with; 0: there is none.
char32_t next_word(std::string_view text, size_t at) {
  while (at < text.size() && !is_word_char(decode_utf8(text, at).code_point)) {
    at += decode_utf8(text, at).bytes;
  }
  return at < text.size() ? decode_utf8(text, at).code_point : 0;
}

// Whether the full stop at `stop` belongs to the word before it. That of a list's "1." ends a
// sentence where a capital follows: the tokenizer of IFEval's authors has it so.
bool stop_of_word(std::string_view text, size_t stop) {
  const std::string word = word_before(text, stop);
  if (std::find(kAbbreviations.begin(), kAbbreviations.end(), word) != kAbbreviations.end()) {
    return true;
  }
  const char32_t next = next_word(text, stop + 1);
  if (std::find(kSometimes.begin(), kSometimes.end(), word) != kSometimes.end()) {
    return next != 0 && !jinja::is_upper(next);
  }
  const bool digits =
      std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!word.empty() && digits) return jinja::is_lower(next);
  const bool initial = word.size() == 1 && word[0] >= 'a' && word[0] <= 'z' && word != "i";
  return initial && text[stop - 1] <= 'Z';
}

}  // namespace

std::string cleaned(std::string_view text) {
  if (jinja::valid_utf8(text)) return std::string(text);
  std::string out;
  for (const char32_t c : translation::code_points(text)) jinja::append_utf8(out, c);
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) out += jinja::to_lower(jinja::next_char(text, at));
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n\v\f";
  text.remove_prefix(std::min(text.find_first_not_of(kWhite), text.size()));
  return text.substr(0, text.find_last_not_of(kWhite) + 1);  // 0: npos + 1
}

std::vector<std::string_view> split(std::string_view text, std::string_view at) {
  std::vector<std::string_view> out;
  for (size_t begin = 0;;) {
    const size_t end = text.find(at, begin);
    out.push_back(text.substr(begin, end - begin));
    if (end == text.npos) return out;
    begin = end + at.size();
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  size_t begin = text.npos;
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const bool inside = is_word_char(c.code_point);
    if (inside && begin == text.npos) begin = at;
    if (!inside && begin != text.npos) {
      out.push_back(text.substr(begin, at - begin));
      begin = text.npos;
    }
    at += c.bytes;
  }
  if (begin != text.npos) out.push_back(text.substr(begin));
  return out;
}

int64_t sentences(std::string_view text) {
  int64_t n = 0;
  bool open = false;  // a word since the last end
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const size_t here = at;
    at += c.bytes;
    if (is_word_char(c.code_point)) open = true;
    if (!open || !is_end_of_sentence(c.code_point)) continue;
    size_t behind = at;
    while (behind < text.size()) {
      const DecodedChar next = decode_utf8(text, behind);
      if (!is_end_of_sentence(next.code_point) && !is_closing(next.code_point)) break;
      behind += next.bytes;
    }
    const bool apart = behind == text.size() || is_white(decode_utf8(text, behind).code_point);
    if (!apart && !ends_without_space(c.code_point)) continue;
    if (c.code_point == '.' && stop_of_word(text, here)) continue;
    ++n;
    open = false;
    at = behind;
  }
  return n + (open ? 1 : 0);
}

int64_t occurrences(std::string_view text, std::string_view part) {
  if (part.empty()) return 0;
  return static_cast<int64_t>(split(text, part).size()) - 1;
}

bool has_word(std::string_view text, std::string_view word) {
  if (word.empty()) return false;
  const auto word_begins = [&](size_t at) {
    return at < text.size() && is_word_char(decode_utf8(text, at).code_point);
  };
  const auto word_ends = [&](size_t at) {
    while (at > 0 && (static_cast<unsigned char>(text[--at]) & 0xC0) == 0x80) {
    }
    return word_begins(at);
  };
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    if ((at == 0 || !word_ends(at)) && !word_begins(at + word.size())) return true;
  }
  return false;
}

bool all_upper(std::string_view text) {
  bool some = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = jinja::next_char(text, at);
    if (jinja::is_lower(c)) return false;
    some = some || jinja::is_upper(c);
  }
  return some;
}

bool all_lower(std::string_view text) {
  bool some = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = jinja::next_char(text, at);
    if (jinja::is_upper(c)) return false;
    some = some || jinja::is_lower(c);
  }
  return some;
}

}  // namespace hearth::instructions
