// See characters.h.
#include "hearth/guard/pii/characters.h"

namespace hearth::pii {
namespace {

bool is_continuation(char c) {
  return (static_cast<uint8_t>(c) & 0xc0) == 0x80;
}

}  // namespace

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

CodePoint code_point_at(std::string_view text, size_t at) {
  const auto lead = static_cast<uint8_t>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length == 0 || lead > 0xf4 || at + length > text.size()) return {0, 1};
  uint32_t value = lead & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[at + i])) return {0, 1};
    value = value << 6 | (static_cast<uint8_t>(text[at + i]) & 0x3fU);
  }
  static constexpr uint32_t kLeast[5] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (value < kLeast[length] || surrogate || value > 0x10ffff) return {0, 1};
  return {value, length};
}

size_t previous_character(std::string_view text, size_t at) {
  size_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && is_continuation(text[begin])) --begin;
  return begin + code_point_at(text, begin).length == at ? begin : at - 1;
}

std::string utf8(uint32_t code) {
  const auto byte = [](uint32_t v) { return static_cast<char>(v); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f))};
  if (code < 0x10000) {
    return {byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f))};
  }
  return {byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f)),
          byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f))};
}

bool is_han(uint32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x20000 && c <= 0x323af);
}

bool is_foreign_letter(uint32_t c) {
  return c >= 0xc0 && c < 0x1fff && c != 0xd7 && c != 0xf7;
}

char full_width_ascii(std::string_view bytes) {
  if (bytes.size() < 3 || bytes[0] != '\xef') return 0;
  const CodePoint point = code_point_at(bytes, 0);
  if (point.value < 0xff01 || point.value > 0xff5e) return 0;
  return static_cast<char>(point.value - 0xff01 + '!');
}

uint32_t json_escape(std::string_view text, size_t at) {
  if (at + kJsonEscapeBytes > text.size() || text[at] != '\\' || text[at + 1] != 'u') return 0;
  uint32_t value = 0;
  for (size_t i = 2; i < kJsonEscapeBytes; ++i) {
    const int digit = hex_value(text[at + i]);
    if (digit < 0) return 0;
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  return value;
}

}  // namespace hearth::pii
