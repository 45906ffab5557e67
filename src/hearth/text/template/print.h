// str() and repr() of Python, and json.dumps: how values become text.
#pragma once

#include <string>

#include "hearth/text/template/value.h"

namespace hearth::jinja {

// Python's repr of a float: the shortest digits that read back, "1e+16" from 1e16 on.
std::string float_repr(double d);
std::string int_text(Int i);

// str(value): what {{ value }} writes.
Status print(TextBuilder& out, const Value& value);
Status repr(TextBuilder& out, const Value& value);
Result<MarkedText> to_text(Budget& budget, const Value& value);

struct JsonStyle {
  bool ascii = false;
  std::optional<std::string> indent;  // text of one level; absent = one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};
// json.dumps(value). Bytes that this writes beside the value's own are untrusted.
Status print_json(TextBuilder& out, const Value& value, const JsonStyle& style);

}  // namespace hearth::jinja
