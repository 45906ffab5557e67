// The alphabet is computed from its rule, once.
#include "hearth/text/tokenizer/byte_alphabet.h"

#include <array>

#include "hearth/text/tokenizer/unicode.h"

namespace hearth {
namespace {

struct Alphabet {
  std::array<uint32_t, 256> code_point{};
  std::array<int16_t, 0x144> byte{};  // by code point; -1: none

  Alphabet() {
    byte.fill(-1);
    uint32_t next = 0x100;
    for (uint32_t b = 0; b < 256; ++b) {
      const bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      code_point[b] = itself ? b : next++;
      byte[code_point[b]] = static_cast<int16_t>(b);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet table;
  return table;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> bytes_from_alphabet(std::string_view spelled) {
  std::string out;
  for (size_t at = 0; at < spelled.size();) {
    const DecodedChar c = decode_utf8(spelled, at);
    if (c.code_point >= alphabet().byte.size() || alphabet().byte[c.code_point] < 0) {
      return std::nullopt;
    }
    out.push_back(static_cast<char>(alphabet().byte[c.code_point]));
    at += c.bytes;
  }
  return out;
}

std::string alphabet_from_bytes(std::string_view bytes) {
  std::string out;
  for (const char b : bytes) append_utf8(alphabet().code_point[static_cast<uint8_t>(b)], out);
  return out;
}

int byte_of_hex_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const int high = hex_digit(token[3]);
  const int low = hex_digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::string spaces_from_bars(std::string_view text) {
  constexpr std::string_view kBar = "\u2581";
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t bar = std::min(text.find(kBar, at), text.size());
    out += text.substr(at, bar - at);
    at = bar;
    if (at == text.size()) break;
    out += ' ';
    at += kBar.size();
  }
  return out;
}

}  // namespace hearth
