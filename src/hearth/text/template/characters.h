// Unicode characters as Python's str sees them: decoding, classes, case. Text in the interpreter is
// UTF-8; whatever enters it is checked by `valid_utf8` first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::jinja {

bool valid_utf8(std::string_view text);

// The character that begins at `at` (valid UTF-8); moves `at` behind it.
char32_t next_char(std::string_view text, size_t& at);
void append_utf8(std::string& out, char32_t c);

int64_t char_count(std::string_view text);
// Byte offsets at which characters begin, and text.size() at the end.
std::vector<size_t> char_offsets(std::string_view text);

bool is_space(char32_t c);       // str.isspace
bool is_line_break(char32_t c);  // what str.splitlines cuts at
bool is_word(char32_t c);        // \w of Python's re
bool is_printable(char32_t c);   // str.isprintable
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_alpha(char32_t c);
bool is_digit(char32_t c);

// Simple case mappings, and full ones where Python's upper() makes more than one character of one
// that models meet ("ß" -> "SS").
std::string to_upper(char32_t c);
std::string to_lower(char32_t c);
std::string to_title(char32_t c);

}  // namespace hearth::jinja
