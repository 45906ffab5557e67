// Cuts text into the pieces inside which BPE merges. Each published pre-tokenizer is a list of
// splits; each split is a hand-written scanner for one regular expression of the tokenizers
// package (behaviour "isolated": matches and the gaps between them are pieces). All are linear in
// the text, whatever it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

enum class Split : uint8_t {
  gpt2_words,       // GPT-2's expression, also ByteLevel's own
  llama3_words,     // Llama 3: digits by up to three
  qwen2_words,      // Qwen2: the same with single digits
  deepseek3_words,  // DeepSeek-V3's third expression
  digit_triples,    // \p{N}{1,3}
  single_digits,    // \p{N}, also Digits(individual_digits)
  digit_runs,       // \p{N}+, also Digits
  newlines,         // [\r\n]
  space_letters,    // \s?\p{L}+
  space_marks,      // \s?\p{P}+
  cjk_kana,         // [一-龥぀-ゟ゠-ヿ]+
  cjk_hangul,       // [一-龥ࠀ-一가-퟿]+
  cased_letters,    // \s?[A-Za-zµÀ-Ö...]+ of deepseek-llm
  wide_marks,       // \s?[!-/:-~！-／：-～‘-‟　-。]+ of deepseek-llm
  trailing_space,   // \s+$
};

// The splits of a pre-tokenizer by the name that GGUF files use; empty when it is unknown.
std::span<const Split> splits_by_name(std::string_view name);
// The name of exactly these splits; empty when they have none.
std::string_view name_of_splits(std::span<const Split> splits);
// The split of a regular expression as tokenizer.json spells it.
std::optional<Split> split_by_pattern(std::string_view pattern);
std::string pattern_of_split(Split split);
// Whether every character is part of a match, so that no gap exists.
bool split_covers_all(Split split);

// A text taken apart into characters, with room for the splitting; reusable.
struct CharText {
  struct Char {
    uint32_t code_point;
    uint8_t classes;
  };
  std::vector<Char> chars;
  std::vector<size_t> offsets;  // chars.size() + 1 byte offsets

  void assign(std::string_view text);
};

// Ends of the pieces as indices of chars, rising; the last one is chars.size().
void split_text(const CharText& text, std::span<const Split> splits, std::vector<size_t>& ends);

}  // namespace hearth
