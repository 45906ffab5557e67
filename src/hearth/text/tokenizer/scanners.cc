// The scanners. Alternatives are tried in the order of the expression, the first that matches wins,
// and greedy repeats give back characters only where the comment says so.
#include "hearth/text/tokenizer/scanners.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "hearth/text/tokenizer/unicode.h"

namespace hearth {
namespace {

using Char = CharText::Char;
using Chars = std::span<const Char>;

struct Range {
  uint32_t first, last;
};

// Cased letters as deepseek-llm's tokenizer.json lists them.
constexpr Range kCasedLetters[] = {
    {0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},
    {0xD8, 0xF6},       {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},
    {0x295, 0x2AF},     {0x370, 0x373},     {0x376, 0x377},     {0x37B, 0x37D},
    {0x37F, 0x37F},     {0x386, 0x386},     {0x388, 0x38A},     {0x38C, 0x38C},
    {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},     {0x48A, 0x52F},
    {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},
    {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},
    {0x1D79, 0x1D9A},   {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},
    {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},   {0x1F59, 0x1F59},   {0x1F5B, 0x1F5B},
    {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},   {0x1FB6, 0x1FBC},
    {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},
    {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},
    {0x2102, 0x2102},   {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},
    {0x2119, 0x211D},   {0x2124, 0x2124},   {0x2126, 0x2126},   {0x2128, 0x2128},
    {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},   {0x213C, 0x213F},
    {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2184},   {0x2C00, 0x2C7B},
    {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF3},   {0xA640, 0xA66D},
    {0xA680, 0xA69B},   {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},
    {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},
    {0xFF41, 0xFF5A},   {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB},
    {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
};

bool is_cased_letter(const Char& c) {
  const auto* found = std::ranges::lower_bound(kCasedLetters, c.code_point, {}, &Range::last);
  return found != std::end(kCasedLetters) && found->first <= c.code_point;
}

bool is_wide_mark(const Char& c) {
  const uint32_t p = c.code_point;
  return (p >= '!' && p <= '/') || (p >= ':' && p <= '~') || (p >= 0xFF01 && p <= 0xFF0F) ||
         (p >= 0xFF1A && p <= 0xFF5E) || (p >= 0x2018 && p <= 0x201F) ||
         (p >= 0x3000 && p <= 0x3002);
}

bool is_cjk_kana(const Char& c) {
  return (c.code_point >= 0x4E00 && c.code_point <= 0x9FA5) ||
         (c.code_point >= 0x3040 && c.code_point <= 0x30FF);
}

bool is_cjk_hangul(const Char& c) {
  return (c.code_point >= 0x0800 && c.code_point <= 0x9FA5) ||
         (c.code_point >= 0xAC00 && c.code_point <= 0xD7FF);
}

bool is_ascii_letter(const Char& c) {
  return c.code_point < 0x80 && (c.classes & kLetter);
}
bool is_ascii_mark(const Char& c) {
  return c.code_point < 0x80 && (c.classes & (kPunctuation | kSymbol));
}

// End of the run of chars of these classes.
size_t run(Chars c, size_t i, size_t end, uint8_t classes) {
  while (i < end && (c[i].classes & classes)) ++i;
  return i;
}
size_t run_without(Chars c, size_t i, size_t end, uint8_t classes) {
  while (i < end && !(c[i].classes & classes)) ++i;
  return i;
}

// `set+` and `\s?set+`. Where `set` holds spaces, \s? may take one of them, which changes nothing:
// the run is the same; a space that is alone in the set gives back what \s? took.
template <typename Set>
size_t match_run(Chars c, size_t i, size_t end, Set set) {
  while (i < end && set(c[i])) ++i;
  return i;
}
template <typename Set>
size_t match_space_run(Chars c, size_t i, size_t end, Set set) {
  if ((c[i].classes & kSpace) && i + 1 < end && set(c[i + 1])) return match_run(c, i + 1, end, set);
  return match_run(c, i, end, set);
}

// \s*[\r\n]+|\s+(?!\S)|\s+ at a space: through the last newline of the run, else all of a run at
// the end of the piece, else all but its last character, which goes to the word after it.
size_t match_space(Chars c, size_t i, size_t end) {
  const size_t run_end = run(c, i, end, kSpace);
  for (size_t last = run_end; last > i; --last) {
    if (c[last - 1].classes & kNewline) return last;
  }
  return run_end == end || run_end == i + 1 ? run_end : run_end - 1;
}

// \s+(?!\S)|\s+ alone.
size_t match_space_plain(Chars c, size_t i, size_t end) {
  const size_t run_end = run(c, i, end, kSpace);
  return run_end == end || run_end == i + 1 ? run_end : run_end - 1;
}

// Case folding as the regular expressions have it: U+017F is a form of s.
uint32_t fold(uint32_t c) {
  if (c == 0x17F) return 's';
  return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

// 's|'t|'re|'ve|'m|'ll|'d; i when there is none.
size_t match_contraction(Chars c, size_t i, size_t end, bool any_case) {
  if (c[i].code_point != '\'' || i + 1 >= end) return i;
  const auto letter = [&](size_t k) { return any_case ? fold(c[k].code_point) : c[k].code_point; };
  const uint32_t first = letter(i + 1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return i + 2;
  if (i + 2 >= end) return i;
  const uint32_t second = letter(i + 2);
  const bool two =
      ((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l');
  return two ? i + 3 : i;
}

size_t match_gpt2(Chars c, size_t i, size_t end) {
  if (const size_t m = match_contraction(c, i, end, false); m > i) return m;
  const size_t word = c[i].code_point == ' ' && i + 1 < end ? i + 1 : i;
  const uint8_t classes = c[word].classes;
  if (classes & kLetter) return run(c, word, end, kLetter);
  if (classes & kNumber) return run(c, word, end, kNumber);
  if (!(classes & kSpace)) return run_without(c, word, end, kSpace | kLetter | kNumber);
  return match_space_plain(c, i, end);
}

// Llama 3 and Qwen2, which differ in how many digits go together.
size_t match_words(Chars c, size_t i, size_t end, size_t digits_max) {
  if (const size_t m = match_contraction(c, i, end, true); m > i) return m;
  const uint8_t classes = c[i].classes;
  if (classes & kLetter) return run(c, i, end, kLetter);
  // [^\r\n\p{L}\p{N}]?\p{L}+
  if (!(classes & (kNewline | kNumber)) && i + 1 < end && (c[i + 1].classes & kLetter)) {
    return run(c, i + 1, end, kLetter);
  }
  if (classes & kNumber) return run(c, i, std::min(end, i + digits_max), kNumber);
  // " ?[^\s\p{L}\p{N}]+[\r\n]*"
  constexpr uint8_t kStop = kSpace | kLetter | kNumber;
  const size_t other = c[i].code_point == ' ' && i + 1 < end ? i + 1 : i;
  if (!(c[other].classes & kStop)) {
    return run(c, run_without(c, other, end, kStop), end, kNewline);
  }
  return match_space(c, i, end);
}

size_t match_deepseek3(Chars c, size_t i, size_t end) {
  const uint8_t classes = c[i].classes;
  const bool more = i + 1 < end;
  // ASCII sign and ASCII letters
  if (is_ascii_mark(c[i]) && more && is_ascii_letter(c[i + 1])) {
    return match_run(c, i + 1, end, is_ascii_letter);
  }
  // [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+ : a mark (\p{M}) may be the first character or the word
  if (classes & (kLetter | kMark)) return run(c, i, end, kLetter | kMark);
  if (!(classes & (kNewline | kPunctuation | kSymbol)) && more &&
      (c[i + 1].classes & (kLetter | kMark))) {
    return run(c, i + 1, end, kLetter | kMark);
  }
  const size_t sign = c[i].code_point == ' ' && more ? i + 1 : i;
  if (c[sign].classes & (kPunctuation | kSymbol)) {
    return run(c, run(c, sign, end, kPunctuation | kSymbol), end, kNewline);
  }
  return classes & kSpace ? match_space(c, i, end) : i;
}

// Matches and the gaps between them become pieces.
template <typename Match>
void isolate(size_t begin, size_t end, std::vector<size_t>& ends, Match match) {
  size_t gap = begin;
  for (size_t i = begin; i < end;) {
    const size_t matched = match(i);
    if (matched == i) {
      ++i;
      continue;
    }
    if (gap < i) ends.push_back(i);
    ends.push_back(matched);
    gap = i = matched;
  }
  if (gap < end) ends.push_back(end);
}

std::string build_cased_letters_pattern() {
  // As the file spells it: a range of two code points has no dash.
  std::string out = "\\s?[";
  for (const Range& range : kCasedLetters) {
    append_utf8(range.first, out);
    if (range.first == range.last) continue;
    if (range.last > range.first + 1) out += '-';
    append_utf8(range.last, out);
  }
  return out + "]+";
}

}  // namespace

std::string_view cased_letters_pattern() {
  static const std::string pattern = build_cased_letters_pattern();
  return pattern;
}

void scan_split(Split split, Chars c, size_t begin, size_t end, std::vector<size_t>& ends) {
  const auto all = [&](auto match) { isolate(begin, end, ends, match); };
  const auto has = [](uint8_t classes) {
    return [classes](const Char& x) { return (x.classes & classes) != 0; };
  };
  switch (split) {
    case Split::gpt2_words:
      return all([&](size_t i) { return match_gpt2(c, i, end); });
    case Split::llama3_words:
      return all([&](size_t i) { return match_words(c, i, end, 3); });
    case Split::qwen2_words:
      return all([&](size_t i) { return match_words(c, i, end, 1); });
    case Split::deepseek3_words:
      return all([&](size_t i) { return match_deepseek3(c, i, end); });
    case Split::digit_triples:
      return all([&](size_t i) { return run(c, i, std::min(end, i + 3), kNumber); });
    case Split::single_digits:
      return all([&](size_t i) { return run(c, i, i + 1, kNumber); });
    case Split::digit_runs:
      return all([&](size_t i) { return run(c, i, end, kNumber); });
    case Split::newlines:
      return all([&](size_t i) { return run(c, i, i + 1, kNewline); });
    case Split::space_letters:
      return all([&](size_t i) { return match_space_run(c, i, end, has(kLetter)); });
    case Split::space_marks:
      return all([&](size_t i) { return match_space_run(c, i, end, has(kPunctuation)); });
    case Split::cjk_kana:
      return all([&](size_t i) { return match_run(c, i, end, is_cjk_kana); });
    case Split::cjk_hangul:
      return all([&](size_t i) { return match_run(c, i, end, is_cjk_hangul); });
    case Split::cased_letters:
      return all([&](size_t i) { return match_space_run(c, i, end, is_cased_letter); });
    case Split::wide_marks:
      return all([&](size_t i) { return match_space_run(c, i, end, is_wide_mark); });
    case Split::trailing_space: {
      // \s+$ in one step from the end; newlines stand alone by then, so $ is the piece's end.
      size_t first = end;
      while (first > begin && (c[first - 1].classes & kSpace)) --first;
      if (begin < first) ends.push_back(first);
      if (first < end) ends.push_back(end);
      return;
    }
  }
}

}  // namespace hearth
