// Characters as the recognisers ask about them. ASCII alone, whatever the locale; decoding of the
// UTF-8 and JSON forms that stand for ASCII.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::pii {

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
inline bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
inline bool is_letter(char c) {
  return is_upper(c) || is_lower(c);
}
inline bool is_alnum(char c) {
  return is_digit(c) || is_letter(c);
}
inline bool is_ascii(char c) {
  return static_cast<uint8_t>(c) < 0x80;
}
inline char to_upper(char c) {
  return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
}
constexpr char to_lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}
int hex_value(char c);  // -1: none

// A code point at `at` and its length in bytes; what is no UTF-8 gives {0, 1}.
struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;
};
CodePoint code_point_at(std::string_view text, size_t at);
// Where the character that ends before `at` begins (at > 0).
size_t previous_character(std::string_view text, size_t at);
std::string utf8(uint32_t code_point);

bool is_han(uint32_t code_point);
// A letter of a script that is written with spaces, beyond ASCII: é, Ж, ॉ.
bool is_foreign_letter(uint32_t code_point);

// The ASCII character that a three-byte full-width form (U+FF01 to U+FF5E) stands for; 0: no such.
char full_width_ascii(std::string_view bytes);

inline constexpr size_t kJsonEscapeBytes = 6;
// The code point of a \uXXXX at `at`; 0: none stands there.
uint32_t json_escape(std::string_view text, size_t at);

}  // namespace hearth::pii
