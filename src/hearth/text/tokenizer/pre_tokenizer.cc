// Names and expressions of the pre-tokenizers, and the driver of the scanners. The expressions are
// those of the models' tokenizer.json files and of the GGUF specification's names for them.
#include "hearth/text/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <string>

#include "hearth/base/check.h"
#include "hearth/text/tokenizer/scanners.h"
#include "hearth/text/tokenizer/unicode.h"

namespace hearth {
namespace {

constexpr Split kGpt2[] = {Split::gpt2_words};
constexpr Split kLlama3[] = {Split::llama3_words};
constexpr Split kQwen2[] = {Split::qwen2_words};
constexpr Split kDeepseek3[] = {Split::digit_triples, Split::cjk_kana, Split::deepseek3_words};
constexpr Split kDeepseekLlm[] = {Split::newlines,   Split::cased_letters,
                                  Split::wide_marks, Split::trailing_space,
                                  Split::cjk_hangul, Split::single_digits};
constexpr Split kDeepseekCoder[] = {Split::newlines, Split::space_letters, Split::space_marks,
                                    Split::cjk_hangul, Split::single_digits};

struct NamedSplits {
  std::string_view name;
  std::span<const Split> splits;
};
// The first name of a list is the one that name_of_splits gives.
constexpr NamedSplits kNamed[] = {
    {"gpt-2", kGpt2},
    {"llama-bpe", kLlama3},
    {"llama3", kLlama3},
    {"llama-v3", kLlama3},
    {"qwen2", kQwen2},
    {"deepseek-r1-qwen", kQwen2},
    {"deepseek-v3", kDeepseek3},
    {"deepseek-llm", kDeepseekLlm},
    {"deepseek-coder", kDeepseekCoder},
};

struct Pattern {
  std::string_view text;  // carriage return and newline spelled \r and \n
  Split split;
};
constexpr Pattern kPatterns[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
     Split::gpt2_words},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
     R"(|\s*[\r\n]+|\s+(?!\S)|\s+)",
     Split::llama3_words},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
     R"(|\s*[\r\n]+|\s+(?!\S)|\s+)",
     Split::qwen2_words},
    {R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
     R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     Split::deepseek3_words},
    {R"(\p{N}{1,3})", Split::digit_triples},
    {R"(\p{N})", Split::single_digits},
    {R"(\p{N}+)", Split::digit_runs},
    {R"([\r\n])", Split::newlines},
    {R"(\s?\p{L}+)", Split::space_letters},
    {R"(\s?\p{P}+)", Split::space_marks},
    {"[一-龥\u3040-ゟ゠-ヿ]+", Split::cjk_kana},
    {"[一-龥\u0800-一가-\uD7FF]+", Split::cjk_hangul},
    {"\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", Split::wide_marks},
    {R"(\s+$)", Split::trailing_space},
};

// tokenizer.json files spell newlines both as the characters and as escapes.
std::string escape_newlines(std::string_view pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::span<const Split> splits_by_name(std::string_view name) {
  for (const NamedSplits& named : kNamed) {
    if (named.name == name) return named.splits;
  }
  return {};
}

std::string_view name_of_splits(std::span<const Split> splits) {
  for (const NamedSplits& named : kNamed) {
    if (std::ranges::equal(named.splits, splits)) return named.name;
  }
  return {};
}

std::optional<Split> split_by_pattern(std::string_view pattern) {
  const std::string spelled = escape_newlines(pattern);
  for (const Pattern& known : kPatterns) {
    if (known.text == spelled) return known.split;
  }
  if (spelled == cased_letters_pattern()) return Split::cased_letters;
  return std::nullopt;
}

std::string pattern_of_split(Split split) {
  for (const Pattern& known : kPatterns) {
    if (known.split == split) return std::string(known.text);
  }
  CHECK(split == Split::cased_letters);
  return std::string(cased_letters_pattern());
}

bool split_covers_all(Split split) {
  return split == Split::gpt2_words || split == Split::llama3_words || split == Split::qwen2_words;
}

void CharText::assign(std::string_view text) {
  chars.clear();
  offsets.clear();
  chars.reserve(text.size());
  offsets.reserve(text.size() + 1);
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    chars.push_back({c.code_point, unicode_classes(c.code_point)});
    offsets.push_back(at);
    at += c.bytes;
  }
  offsets.push_back(text.size());
}

void split_text(const CharText& text, std::span<const Split> splits, std::vector<size_t>& ends) {
  ends.clear();
  if (text.chars.empty()) return;
  ends.push_back(text.chars.size());
  std::vector<size_t> next;
  for (const Split split : splits) {
    next.clear();
    size_t begin = 0;
    for (const size_t end : ends) {
      scan_split(split, text.chars, begin, end, next);
      begin = end;
    }
    ends.swap(next);
  }
}

}  // namespace hearth
