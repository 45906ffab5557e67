// Well-formed UTF-8 after Unicode 15, table 3-7: no overlong forms, no surrogates, <= U+10FFFF.
#include "hearth/files/outside_bytes.h"

#include <array>
#include <cstdint>

namespace hearth {
namespace {

// Length of the well-formed sequence at text[at], 0 when there is none.
size_t sequence_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> uint8_t {
    return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : 0;
  };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

struct Magic {
  std::string_view prefix;
  std::string_view what;
};

constexpr std::array kMagics = {
    Magic{"version https://git-lfs", "a Git LFS pointer (run `git lfs pull` for the real file)"},
    Magic{"GGUF", "a GGUF file"},
    Magic{std::string_view("PK\x03\x04", 4), "a zip archive (a PyTorch pickle file?)"},
    Magic{"\x80\x02", "a Python pickle"},
    Magic{"\x80\x03", "a Python pickle"},
    Magic{"\x80\x04", "a Python pickle"},
    Magic{"\x80\x05", "a Python pickle"},
    Magic{"ggjt", "a file of the old GGML format (before GGUF)"},
    Magic{"tjgg", "a file of the old GGML format (before GGUF)"},
    Magic{"lmgg", "a file of the old GGML format (before GGUF)"},
    Magic{"<!DOCTYPE", "a web page (a failed download?)"},
    Magic{"<!doctype", "a web page (a failed download?)"},
    Magic{"<html", "a web page (a failed download?)"},
    Magic{"\x89HDF", "an HDF5 file"},
    Magic{"\x1f\x8b", "gzip-compressed data"},
    Magic{"\x28\xb5\x2f\xfd", "zstd-compressed data"},
};

// These two bytes may also begin the length of a safetensors header, whose JSON starts at byte 8.
bool starts_json_at_8(std::string_view text) {
  return text.size() > 8 && text[8] == '{';
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string excerpt(std::string_view text, size_t bytes_max) {
  std::string out;
  size_t at = 0;
  while (at < text.size() && out.size() < bytes_max) {
    const size_t length = sequence_length(text, at);
    const auto lead = static_cast<uint8_t>(text[at]);
    if (length == 0) {
      out += "\uFFFD";
    } else if (lead < 0x20 || lead == 0x7F) {
      out += '?';
    } else {
      out += text.substr(at, length);
    }
    at += length == 0 ? 1 : length;
  }
  if (at < text.size()) out += "...";
  return out;
}

std::string_view describe_content(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Magic& magic : kMagics) {
    if (!text.starts_with(magic.prefix)) continue;
    if (magic.prefix.size() == 2 && starts_json_at_8(text)) continue;
    return magic.what;
  }
  return "";
}

}  // namespace hearth
