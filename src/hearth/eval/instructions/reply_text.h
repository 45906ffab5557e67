// Texts as instructions count them: words, sentences, lines, without regard to case.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::instructions {

// Valid UTF-8: U+FFFD for each byte that isn't.
std::string cleaned(std::string_view text);
std::string lower(std::string_view text);

std::string_view trimmed(std::string_view text);
std::vector<std::string_view> split(std::string_view text, std::string_view at);

// Runs of letters, marks, digits and underscores.
std::vector<std::string_view> words(std::string_view text);
// What ends in . ! ? ... or their like of other scripts, before white space or the end; behind
// abbreviations, initials and numbers before small letters a full stop ends none.
int64_t sentences(std::string_view text);

// Times that `part` stands in the text, without overlaps.
int64_t occurrences(std::string_view text, std::string_view part);
// The same with no letter or digit beside it.
bool has_word(std::string_view text, std::string_view word);

// Python's str.isupper and str.islower: letters of the one case, none of the other.
bool all_upper(std::string_view text);
bool all_lower(std::string_view text);

}  // namespace hearth::instructions
