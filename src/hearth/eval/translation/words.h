// Texts as code points and as words, in the ways that the translation scores count: at white space,
// by mteval's rules (sacreBLEU's "13a" and "zh"), and by syllables where a script has no spaces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::translation {

// Code points of UTF-8; U+FFFD for each byte that isn't.
std::u32string code_points(std::string_view text);

// At white space, as Python's str.split does.
std::vector<std::u32string> split(std::u32string_view text);

enum class Tokenizer {
  mteval13a,  // sacreBLEU's default, tok:13a
  zh,         // sacreBLEU's for Chinese, tok:zh
  syllables,  // Chinese characters, kana, Burmese and Thai syllables apart; punctuation; words
};

std::vector<std::u32string> tokenize(std::string_view text, Tokenizer tokenizer);

// For a language's code, as in "zh", "my" or "mya_Mymr".
Tokenizer tokenizer_for(std::string_view language);
std::string_view tokenizer_name(Tokenizer tokenizer);

}  // namespace hearth::translation
