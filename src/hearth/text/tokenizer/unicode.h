// Unicode as the tokenizers need it: UTF-8 in and out, the general categories folded into class
// bits, and NFC. The tables come from utf8proc (Unicode 15 in Debian 12) and are built once.
// Text is outside bytes: what is not UTF-8 is carried byte by byte and belongs to no class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth {

// Class bits of a code point; regex names beside them.
inline constexpr uint8_t kLetter = 1;       // \p{L}
inline constexpr uint8_t kMark = 2;         // \p{M}
inline constexpr uint8_t kNumber = 4;       // \p{N}
inline constexpr uint8_t kPunctuation = 8;  // \p{P}
inline constexpr uint8_t kSymbol = 16;      // \p{S}
inline constexpr uint8_t kSpace = 32;       // \s: the White_Space property
inline constexpr uint8_t kNewline = 64;     // [\r\n]
inline constexpr uint8_t kNotInert = 128;   // NFC may change this code point or its neighbours

inline constexpr uint32_t kCodePointsEnd = 0x110000;

// A byte that is no part of valid UTF-8 decodes as kCodePointsEnd + byte.
uint8_t unicode_classes(uint32_t code_point);

struct DecodedChar {
  uint32_t code_point;
  uint32_t bytes;  // 1..4
};
// Decodes strictly: overlong forms, surrogates and cut sequences give their first byte alone.
DecodedChar decode_utf8(std::string_view text, size_t at);
void append_utf8(uint32_t code_point, std::string& out);

// \w of the tokenizers package: letters, marks, digits, connector punctuation.
bool is_word_char(uint32_t code_point);

// Normalization form C of the valid parts; invalid bytes stay. Work is O(n log n) for any input.
std::string to_nfc(std::string_view text);

}  // namespace hearth
