// Numbers and string escapes by hand: the C library's readers accept other texts than Python's.
#include "hearth/text/template/literals.h"

#include <fmt/format.h>

#include <charconv>

#include "hearth/text/template/characters.h"

namespace hearth::jinja {
namespace {

bool is_ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

int digit_value(char c) {
  if (is_ascii_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

// The end of digits of `base` with single underscores between them; `at` when there are none.
size_t digits_end(std::string_view text, size_t at, int base) {
  size_t end = at;
  for (size_t i = at; i < text.size(); ++i) {
    if (digit_value(text[i]) < base) {
      end = i + 1;
    } else if (text[i] != '_' || i == at || text[i - 1] == '_') {
      break;
    }
  }
  return end;
}

std::string without_underscores(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '_') out += c;
  }
  return out;
}

std::optional<Int> digits_value(std::string_view digits, int base) {
  Int value = 0;
  for (const char c : digits) {
    if (c == '_') continue;
    if (__builtin_mul_overflow(value, Int{base}, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, Int{digit_value(c)}, &value)) return std::nullopt;
  }
  return value;
}

// The end of "digits [. digits] [e digits]" if that has a point or an exponent, else 0.
size_t float_end(std::string_view text) {
  const size_t whole = digits_end(text, 0, 10);
  size_t end = whole;
  if (end < text.size() && text[end] == '.') {
    const size_t fraction = digits_end(text, end + 1, 10);
    if (fraction > end + 1) end = fraction;
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    size_t at = end + 1;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (const size_t exponent = digits_end(text, at, 10); exponent > at) end = exponent;
  }
  return end > whole ? end : 0;
}

int prefix_base(std::string_view text) {
  if (text.size() < 3 || text[0] != '0') return 0;
  const char c = text[1];
  const int base = c == 'x' || c == 'X'   ? 16
                   : c == 'o' || c == 'O' ? 8
                   : c == 'b' || c == 'B' ? 2
                                          : 0;
  return base;
}

std::string_view stripped(std::string_view text) {
  size_t begin = text.size();
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t here = at;
    if (is_space(next_char(text, at))) continue;
    begin = std::min(begin, here);
    end = at;
  }
  return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

bool take_sign(std::string_view& text) {
  if (text.empty() || (text[0] != '-' && text[0] != '+')) return false;
  const bool negative = text[0] == '-';
  text.remove_prefix(1);
  return negative;
}

// from_chars gives no value beyond the range; Python then gives infinity or zero.
double to_double(std::string_view digits) {
  double value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (read.ec != std::errc::result_out_of_range) return value;
  const size_t e = digits.find_first_of("eE");
  const bool tiny = e != std::string_view::npos && e + 1 < digits.size() && digits[e + 1] == '-';
  return tiny ? 0.0 : std::numeric_limits<double>::infinity();
}

}  // namespace

Result<NumberLiteral> read_number_literal(std::string_view text, bool may_be_real) {
  NumberLiteral out;
  if (const size_t end = may_be_real ? float_end(text) : 0; end != 0) {
    out.size = end;
    out.is_real = true;
    out.real = to_double(without_underscores(text.substr(0, end)));
    return out;
  }
  int base = prefix_base(text);
  size_t begin = 2;
  // "0_1": an underscore may follow the prefix.
  if (base != 0 && digits_end(text, 2 + (text[2] == '_' ? 1 : 0), base) <= 2) base = 0;
  if (base == 0) {
    base = 10;
    begin = 0;
  } else if (text[2] == '_') {
    begin = 3;
  }
  // A number that begins with 0 goes on with zeros only ("012" is two tokens, an error later).
  size_t end = digits_end(text, begin, base);
  if (base == 10 && text[0] == '0') end = digits_end(text, 0, 1);
  const std::optional<Int> value = digits_value(text.substr(begin, end - begin), base);
  if (!value.has_value()) return error(Code::unsupported, "an integer beyond 128 bits");
  out.size = end;
  out.integer = *value;
  return out;
}

Result<std::string> unescape_string(std::string_view body) {
  // As the reference does it: characters beyond ASCII become escapes first, so that a backslash
  // before one of them escapes a backslash.
  std::string ascii;
  for (size_t at = 0; at < body.size();) {
    const auto c = static_cast<uint32_t>(next_char(body, at));
    if (c < 0x80) {
      ascii += static_cast<char>(c);
    } else {
      ascii += c <= 0xFF     ? fmt::format("\\x{:02x}", c)
               : c <= 0xFFFF ? fmt::format("\\u{:04x}", c)
                             : fmt::format("\\U{:08x}", c);
    }
  }
  std::string out;
  for (size_t i = 0; i < ascii.size(); ++i) {
    if (ascii[i] != '\\') {
      out += ascii[i];
      continue;
    }
    if (++i == ascii.size()) return error(Code::invalid, "\\ at end of string");
    constexpr std::string_view kShort = "\\'\"abfnrtv";
    constexpr std::string_view kValue = "\\'\"\a\b\f\n\r\t\v";
    const char c = ascii[i];
    if (const size_t k = kShort.find(c); k != std::string_view::npos) {
      out += kValue[k];
      continue;
    }
    if (c == '\n') continue;
    if (c == 'N') return error(Code::unsupported, "the escape \\N{{...}} in a string");
    const bool octal = c >= '0' && c <= '7';
    const size_t width = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : octal ? 3 : 0;
    if (width == 0) {
      out += '\\';
      out += c;
      continue;
    }
    size_t at = octal ? i : i + 1;
    uint32_t code = 0;
    size_t digits = 0;
    for (; digits < width && at < ascii.size() && digit_value(ascii[at]) < (octal ? 8 : 16);
         ++digits) {
      code = code * (octal ? 8 : 16) + static_cast<uint32_t>(digit_value(ascii[at++]));
    }
    if (!octal && digits < width) return error(Code::invalid, "truncated \\{} escape", c);
    if (code > 0x10FFFF) return error(Code::invalid, "illegal Unicode character");
    if (code >= 0xD800 && code <= 0xDFFF) {
      return error(Code::unsupported, "half of a surrogate pair in a string");
    }
    append_utf8(out, static_cast<char32_t>(code));
    i = at - 1;
  }
  return out;
}

std::optional<Int> parse_int(std::string_view text, int base) {
  text = stripped(text);
  const bool negative = take_sign(text);
  const int prefix = prefix_base(text);
  if (prefix != 0 && (base == prefix || base == 0)) {
    text.remove_prefix(text[2] == '_' ? 3 : 2);
    base = prefix;
  } else if (base == 0) {
    base = 10;
  }
  if (base < 2 || base > 36 || text.empty() || digits_end(text, 0, base) != text.size()) {
    return std::nullopt;
  }
  const std::optional<Int> value = digits_value(text, base);
  if (!value.has_value()) return std::nullopt;
  return negative ? -*value : *value;
}

std::optional<double> parse_float(std::string_view text) {
  text = stripped(text);
  const bool negative = take_sign(text);
  std::string lower;
  for (const char c : text) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  double value = 0;
  if (lower == "inf" || lower == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (lower == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    // [digits] [. [digits]] [e [sign] digits] with at least one digit before the exponent.
    size_t at = digits_end(text, 0, 10);
    size_t digits = at;
    if (at < text.size() && text[at] == '.') {
      const size_t end = digits_end(text, at + 1, 10);
      digits += end - at - 1;
      at = end;
    }
    if (digits == 0) return std::nullopt;
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
      size_t e = at + 1;
      if (e < text.size() && (text[e] == '+' || text[e] == '-')) ++e;
      at = digits_end(text, e, 10);
      if (at == e) return std::nullopt;
    }
    if (at != text.size()) return std::nullopt;
    value = to_double(without_underscores(text));
  }
  return negative ? -value : value;
}

}  // namespace hearth::jinja
