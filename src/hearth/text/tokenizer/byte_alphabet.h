// How vocabularies spell bytes: GPT-2's alphabet, in which each byte is one printable code point,
// and SentencePiece's <0xNN>.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// Bytes 33..126, 161..172 and 174..255 spell themselves as code points; the other 68, rising,
// are U+0100..U+0143. nullopt: `spelled` has another character.
std::optional<std::string> bytes_from_alphabet(std::string_view spelled);
std::string alphabet_from_bytes(std::string_view bytes);

// 0..255 for "<0x00>".."<0xFF>", else -1.
int byte_of_hex_token(std::string_view token);

// `text` with every ▁ (U+2581) as a space.
std::string spaces_from_bars(std::string_view text);

}  // namespace hearth
