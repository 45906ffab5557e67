// See digits.h.
#include "hearth/eval/math/digits.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "hearth/text/tokenizer/unicode.h"

namespace hearth::math {
namespace {

// The zeros of the scripts' digits; the other nine follow each (Unicode's category Nd).
constexpr std::array<uint32_t, 22> kZeros = {
    0x0660,   // Arabic
    0x06F0,   // Persian, Urdu
    0x07C0,   // N'Ko
    0x0966,   // Devanagari
    0x09E6,   // Bengali
    0x0A66,   // Gurmukhi
    0x0AE6,   // Gujarati
    0x0B66,   // Odia
    0x0BE6,   // Tamil
    0x0C66,   // Telugu
    0x0CE6,   // Kannada
    0x0D66,   // Malayalam
    0x0DE6,   // Sinhala
    0x0E50,   // Thai
    0x0ED0,   // Lao
    0x0F20,   // Tibetan
    0x1040,   // Burmese
    0x17E0,   // Khmer
    0x1810,   // Mongolian
    0xFF10,   // full width
    0x1D7CE,  // bold
    0x1D7D8,  // double-struck
};

std::optional<char> digit_of(uint32_t c) {
  if (c >= '0' && c <= '9') return static_cast<char>(c);
  for (const uint32_t zero : kZeros) {
    if (c >= zero && c < zero + 10) return static_cast<char>('0' + (c - zero));
  }
  return std::nullopt;
}

std::optional<char> separator_of(uint32_t c) {
  if (c == 0x066B || c == 0xFF0E) return '.';  // Arabic decimal separator, full-width full stop
  if (c == 0x066C) return ',';                 // Arabic thousands separator
  return std::nullopt;
}

}  // namespace

std::string ascii_digits(std::string_view text) {
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) return std::string(text);
  std::string out;
  bool behind_digit = false;
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const size_t next = at + c.bytes;
    const std::optional<char> digit = digit_of(c.code_point);
    const std::optional<char> separator = separator_of(c.code_point);
    if (digit) {
      out += *digit;
    } else if (separator && behind_digit && next < text.size() &&
               digit_of(decode_utf8(text, next).code_point)) {
      out += *separator;
    } else {
      out += text.substr(at, c.bytes);
    }
    behind_digit = digit.has_value();
    at = next;
  }
  return out;
}

}  // namespace hearth::math
