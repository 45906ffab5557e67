// Literals as Python reads them: numbers and the escapes of strings in a template's source, and the
// texts that int() and float() accept.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hearth/text/template/value.h"

namespace hearth::jinja {

struct NumberLiteral {
  size_t size = 0;  // bytes of source
  bool is_real = false;
  Int integer = 0;
  double real = 0;
};
// `text` begins with a digit. Behind a dot ("a.0.1") a number is never a float.
Result<NumberLiteral> read_number_literal(std::string_view text, bool may_be_real);

// The value of a string literal, given what is between its quotes.
Result<std::string> unescape_string(std::string_view body);

// int(text, base) and float(text); nothing where Python raises ValueError.
std::optional<Int> parse_int(std::string_view text, int base);
std::optional<double> parse_float(std::string_view text);

}  // namespace hearth::jinja
