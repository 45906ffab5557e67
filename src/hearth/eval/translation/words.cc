// See words.h. The rules of 13a are four substitutions, each over the whole line from left to
// right, a character being used once; they are followed to the letter, so that scores are equal.
#include "hearth/eval/translation/words.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <utility>

namespace hearth::translation {
namespace {

struct Range {
  char32_t first, last;
};

template <size_t N>
bool within(char32_t c, const std::array<Range, N>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const Range& r) { return r.first <= c && c <= r.last; });
}

bool is_space(char32_t c) {
  static constexpr std::array<Range, 10> kSpaces = {{{0x09, 0x0D},
                                                     {0x1C, 0x20},
                                                     {0x85, 0x85},
                                                     {0xA0, 0xA0},
                                                     {0x1680, 0x1680},
                                                     {0x2000, 0x200A},
                                                     {0x2028, 0x2029},
                                                     {0x202F, 0x202F},
                                                     {0x205F, 0x205F},
                                                     {0x3000, 0x3000}}};
  return within(c, kSpaces);
}

// The characters that sacreBLEU's zh sets apart. Its bounds for the planes above U+FFFF are written
// in a way that takes in U+2001 to U+2A6D instead, curly quotes and dashes among them.
bool is_set_apart_by_zh(char32_t c) {
  static constexpr std::array<Range, 22> kRanges = {
      {{0x3400, 0x4DB5}, {0x4E00, 0x9FA5}, {0x9FA6, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A},
       {0xFA70, 0xFAD9}, {0x2001, 0x2A6D}, {0x2F81, 0x2FA1}, {0xFF00, 0xFFEF}, {0x2E80, 0x2EFF},
       {0x3000, 0x303F}, {0x31C0, 0x31EF}, {0x2F00, 0x2FDF}, {0x2FF0, 0x2FFF}, {0x3100, 0x312F},
       {0x31A0, 0x31BF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0x2600, 0x26FF}, {0x2700, 0x27BF},
       {0x3200, 0x32FF}, {0x3300, 0x33FF}}};
  return within(c, kRanges);
}

bool is_digit(char32_t c) {
  return '0' <= c && c <= '9';
}

bool is_point(char32_t c) {
  return c == '.' || c == ',';
}

// Puts what `write` makes of a pair of neighbours that `fits` in their place.
template <typename Fits>
std::u32string replace_pairs(const std::u32string& line, std::u32string_view before,
                             std::u32string_view between, std::u32string_view after, Fits fits) {
  std::u32string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (i + 1 < line.size() && fits(line[i], line[i + 1])) {
      out += before;
      out += line[i];
      out += between;
      out += line[i + 1];
      out += after;
      ++i;
    } else {
      out += line[i];
    }
  }
  return out;
}

std::u32string mteval_spaces(const std::u32string& text) {
  static constexpr std::array<Range, 6> kSymbols = {
      {{'{', '~'}, {'[', '`'}, {' ', '&'}, {'(', '+'}, {':', '@'}, {'/', '/'}}};
  std::u32string line;
  for (const char32_t c : text) {
    if (within(c, kSymbols)) {
      line += {U' ', c, U' '};
    } else {
      line += c;
    }
  }
  line = replace_pairs(line, U"", U" ", U" ",
                       [](char32_t a, char32_t b) { return !is_digit(a) && is_point(b); });
  line = replace_pairs(line, U" ", U" ", U"",
                       [](char32_t a, char32_t b) { return is_point(a) && !is_digit(b); });
  return replace_pairs(line, U"", U" ", U" ",
                       [](char32_t a, char32_t b) { return is_digit(a) && b == '-'; });
}

std::u32string trimmed(std::u32string text) {
  while (!text.empty() && is_space(text.back())) text.pop_back();
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

std::u32string replaced(const std::u32string& text, std::u32string_view from,
                        std::u32string_view to) {
  std::u32string out;
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != text.npos; at = found + from.size()) {
    out.append(text, at, found - at).append(to);
  }
  return out.append(text, at);
}

std::u32string mteval13a(std::u32string line) {
  constexpr std::array<std::pair<std::u32string_view, std::u32string_view>, 7> kPlain = {
      {{U"<skipped>", U""},
       {U"-\n", U""},
       {U"\n", U" "},
       {U"&quot;", U"\""},
       {U"&amp;", U"&"},
       {U"&lt;", U"<"},
       {U"&gt;", U">"}}};
  while (!line.empty() && is_space(line.back())) line.pop_back();
  for (const auto& [from, to] : kPlain) line = replaced(line, from, to);
  return mteval_spaces(U" " + line + U" ");
}

std::u32string zh_spaces(std::u32string text) {
  std::u32string line;
  for (const char32_t c : trimmed(std::move(text))) {
    if (is_set_apart_by_zh(c)) {
      line += {U' ', c, U' '};
    } else {
      line += c;
    }
  }
  return mteval_spaces(line);
}

// --- Syllables -----------------------------------------------------------------------------------

constexpr char32_t kMyanmarVirama = 0x1039, kMyanmarAsat = 0x103A, kMyanmarDot = 0x1037;
constexpr char32_t kKhmerCoeng = 0x17D2;

bool is_myanmar_letter(char32_t c) {
  return 0x1000 <= c && c <= 0x102A;  // consonants and independent vowels
}

// Scripts whose words are not set apart: Thai, Lao, Tibetan, Myanmar, Khmer, kana, Han.
bool is_spaceless(char32_t c) {
  static constexpr std::array<Range, 9> kScripts = {{{0x0E00, 0x0EFF},
                                                     {0x0F00, 0x0FFF},
                                                     {0x1000, 0x109F},
                                                     {0x1780, 0x17FF},
                                                     {0x3040, 0x30FF},
                                                     {0x3400, 0x4DBF},
                                                     {0x4E00, 0x9FFF},
                                                     {0xF900, 0xFAFF},
                                                     {0x20000, 0x3FFFF}}};
  return within(c, kScripts);
}

bool is_punctuation(char32_t c) {
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return UTF8PROC_CATEGORY_PC <= category && category <= UTF8PROC_CATEGORY_SO;
}

// A Burmese syllable begins with a letter that is neither stacked under the one before it (virama
// before it) nor closes the syllable (asat behind it, at times behind a dot) nor carries a stack.
bool begins_myanmar_syllable(std::u32string_view text, size_t i) {
  if (!is_myanmar_letter(text[i])) return false;
  if (i > 0 && text[i - 1] == kMyanmarVirama) return false;
  size_t next = i + 1;
  if (next < text.size() && text[next] == kMyanmarDot) ++next;
  return next >= text.size() || (text[next] != kMyanmarAsat && text[next] != kMyanmarVirama);
}

// Whether a new unit begins at `i` > 0, both characters being neither space.
bool begins_unit(std::u32string_view text, size_t i, utf8proc_int32_t& state) {
  const char32_t before = text[i - 1], here = text[i];
  const bool cluster_break =
      utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before),
                                       static_cast<utf8proc_int32_t>(here), &state) != 0;
  if (!cluster_break || before == kKhmerCoeng) return false;
  if (is_punctuation(before) || is_punctuation(here)) return true;
  const bool spaceless = is_spaceless(here);
  if (spaceless != is_spaceless(before)) return true;
  if (!spaceless) return false;
  const bool myanmar = 0x1000 <= here && here <= 0x109F;
  // Digits and signs of the script are units of their own; signs of a syllable stay with it.
  if (myanmar && utf8proc_category(static_cast<utf8proc_int32_t>(here)) == UTF8PROC_CATEGORY_LO) {
    return begins_myanmar_syllable(text, i);
  }
  return !myanmar || utf8proc_category(static_cast<utf8proc_int32_t>(here)) == UTF8PROC_CATEGORY_ND;
}

std::vector<std::u32string> syllables(std::string_view text) {
  std::vector<std::u32string> out;
  for (const std::u32string& word : split(code_points(text))) {
    utf8proc_int32_t state = 0;
    out.push_back(word.substr(0, 1));
    for (size_t i = 1; i < word.size(); ++i) {
      if (begins_unit(word, i, state)) out.emplace_back();
      out.back() += word[i];
    }
  }
  return out;
}

}  // namespace

std::u32string code_points(std::string_view text) {
  std::u32string out;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t at = 0; at < text.size();) {
    utf8proc_int32_t point = 0;
    const auto size =
        utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(text.size() - at), &point);
    out += size > 0 ? static_cast<char32_t>(point) : U'\uFFFD';
    at += size > 0 ? static_cast<size_t>(size) : 1;
  }
  return out;
}

std::vector<std::u32string> split(std::u32string_view text) {
  std::vector<std::u32string> out;
  bool open = false;
  for (const char32_t c : text) {
    if (is_space(c)) {
      open = false;
      continue;
    }
    if (!open) out.emplace_back();
    open = true;
    out.back() += c;
  }
  return out;
}

std::vector<std::u32string> tokenize(std::string_view text, Tokenizer tokenizer) {
  switch (tokenizer) {
    case Tokenizer::mteval13a:
      return split(mteval13a(code_points(text)));
    case Tokenizer::zh:
      return split(zh_spaces(code_points(text)));
    case Tokenizer::syllables:
      return syllables(text);
  }
  return {};
}

Tokenizer tokenizer_for(std::string_view language) {
  const std::string_view code = language.substr(0, language.find_first_of("_-"));
  for (const std::string_view chinese : {"zh", "zho", "cmn", "yue"}) {
    if (code == chinese) return Tokenizer::zh;
  }
  for (const std::string_view spaceless : {"my", "mya", "th", "tha", "lo", "lao", "km", "khm", "ja",
                                           "jpn", "bo", "bod", "dzo", "shn"}) {
    if (code == spaceless) return Tokenizer::syllables;
  }
  return Tokenizer::mteval13a;
}

std::string_view tokenizer_name(Tokenizer tokenizer) {
  constexpr std::array<std::string_view, 3> kNames = {"13a", "zh", "syllables"};
  return kNames[static_cast<size_t>(tokenizer)];
}

}  // namespace hearth::translation
