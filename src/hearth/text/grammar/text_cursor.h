// A place in a pattern or grammar that is being read: characters, and errors that say where.
#pragma once

#include <optional>
#include <string_view>

#include "hearth/base/status.h"
#include "hearth/files/outside_bytes.h"

namespace hearth::grammar {

class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ >= text_.size(); }
  size_t position() const { return at_; }
  void move_to(size_t position) { at_ = position; }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool next_is(std::string_view token) const { return text_.substr(at_).starts_with(token); }
  bool take(std::string_view token) {
    if (!next_is(token)) return false;
    at_ += token.size();
    return true;
  }
  std::string_view ahead(size_t bytes) const { return text_.substr(at_, bytes); }
  std::string_view since(size_t begin) const { return text_.substr(begin, at_ - begin); }

  // The next character; the text must be UTF-8 and not at its end.
  uint32_t take_code_point() {
    const auto lead = static_cast<uint8_t>(text_[at_++]);
    const int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    uint32_t code = more == 0 ? lead : lead & (0x3Fu >> more);
    for (int i = 0; i < more; ++i) {
      code = code << 6 | (static_cast<uint8_t>(text_[at_++]) & 0x3Fu);
    }
    return code;
  }
  // Exactly `digits` hexadecimal ones; nullopt: something else stands there.
  std::optional<uint32_t> take_hex(size_t digits) {
    uint32_t value = 0;
    for (size_t i = 0; i < digits; ++i) {
      const char c = peek(i);
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return std::nullopt;
      value = value << 4 | static_cast<uint32_t>(digit);
    }
    at_ += digits;
    return value;
  }
  // A decimal number; nullopt: none is there. Beyond `max` it is max + 1.
  std::optional<int64_t> take_number(int64_t max) {
    if (peek() < '0' || peek() > '9') return std::nullopt;
    int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      if (value <= max) value = value * 10 + (peek() - '0');
    }
    return value <= max ? value : max + 1;
  }

  Status wrong(std::string_view expected) const { return wrong(expected, at_); }
  Status wrong(std::string_view expected, size_t position) const {
    if (position >= text_.size()) {
      return error(Code::invalid, "byte {}: expected {}, found the end", position, expected);
    }
    return error(Code::invalid, "byte {}: expected {}, found `{}`", position, expected,
                 excerpt(text_.substr(position, 12)));
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace hearth::grammar
