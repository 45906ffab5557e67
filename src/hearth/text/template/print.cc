// str() and repr() as CPython writes them.
#include "hearth/text/template/print.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/objects.h"

namespace hearth::jinja {
namespace {

Status repr_str(TextBuilder& out, const Str& s) {
  const std::string_view text = s.text.view();
  const bool has_single = text.find('\'') != std::string_view::npos;
  const bool has_double = text.find('"') != std::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  if (s.markup) TRY(out.append("Markup(", false));
  TRY(out.append({&quote, 1}, false));
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = next_char(text, i);
    const bool trusted = s.text.trusted_at(begin);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      TRY(out.append("\\", trusted));
      TRY(out.append(s.text, begin, i));
    } else if (c == '\n') {
      TRY(out.append("\\n", trusted));
    } else if (c == '\r') {
      TRY(out.append("\\r", trusted));
    } else if (c == '\t') {
      TRY(out.append("\\t", trusted));
    } else if (is_printable(c)) {
      TRY(out.append(s.text, begin, i));
    } else {
      const auto code = static_cast<uint32_t>(c);
      TRY(out.append(code <= 0xFF     ? fmt::format("\\x{:02x}", code)
                     : code <= 0xFFFF ? fmt::format("\\u{:04x}", code)
                                      : fmt::format("\\U{:08x}", code),
                     trusted));
    }
  }
  TRY(out.append({&quote, 1}, false));
  return s.markup ? out.append(")", false) : Status::ok();
}

Status repr_range(TextBuilder& out, const List& list) {
  const std::string step =
      list.range_step == 1 ? "" : fmt::format(", {}", int_text(list.range_step));
  return out.append(
      fmt::format("range({}, {}{})", int_text(list.range_begin), int_text(list.range_end), step),
      true);
}

Status repr_list(TextBuilder& out, const List& list) {
  if (list.kind == List::Kind::range) return repr_range(out, list);
  const bool tuple = list.kind == List::Kind::tuple;
  const char* open = tuple ? "(" : "[";
  if (list.kind == List::Kind::keys) open = "dict_keys([";
  if (list.kind == List::Kind::values) open = "dict_values([";
  if (list.kind == List::Kind::items) open = "dict_items([";
  TRY(out.append(open, false));
  for (size_t i = 0; i < list.elements.size(); ++i) {
    if (i > 0) TRY(out.append(", ", false));
    TRY(repr(out, list.elements[i]));
  }
  if (tuple) return out.append(list.elements.size() == 1 ? ",)" : ")", false);
  return out.append(list.kind == List::Kind::list ? "]" : "])", false);
}

Status repr_dict(TextBuilder& out, const Dict& dict) {
  TRY(out.append("{", false));
  bool first = true;
  for (const auto& [key, value] : dict.entries) {
    if (!first) TRY(out.append(", ", false));
    first = false;
    TRY(repr(out, key));
    TRY(out.append(": ", false));
    TRY(repr(out, value));
  }
  return out.append("}", false);
}

Status repr_object(TextBuilder& out, const Object& object) {
  if (const auto* macro = dynamic_cast<const Macro*>(&object)) {
    return out.append(fmt::format("<Macro '{}'>", macro->definition->name), true);
  }
  const auto* ns = dynamic_cast<const Namespace*>(&object);
  if (ns == nullptr) return out.append(fmt::format("<{}>", object.type_name()), true);
  TRY(out.budget().level_left());  // a namespace may hold itself
  const Budget::Level level(out.budget());
  TRY(out.append("<Namespace ", false));
  TRY(repr_dict(out, ns->attributes));
  return out.append(">", false);
}

}  // namespace

std::string float_repr(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  const size_t e = text.find('e');
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  int exponent = 0;
  const size_t number = e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(text.data() + number, text.data() + text.size(), exponent);
  const std::string sign = std::signbit(d) ? "-" : "";
  const auto count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    const std::string rest = count > 1 ? fmt::format(".{}", digits.substr(1)) : "";
    return fmt::format("{}{}{}e{}{:02}", sign, digits[0], rest, exponent < 0 ? '-' : '+',
                       std::abs(exponent));
  }
  if (exponent < 0) {
    return fmt::format("{}0.{}{}", sign, std::string(static_cast<size_t>(-exponent - 1), '0'),
                       digits);
  }
  if (count <= exponent + 1) {
    return fmt::format("{}{}{}.0", sign, digits,
                       std::string(static_cast<size_t>(exponent + 1 - count), '0'));
  }
  const auto point = static_cast<size_t>(exponent + 1);
  return fmt::format("{}{}.{}", sign, digits.substr(0, point), digits.substr(point));
}

std::string int_text(Int i) {
  return fmt::format("{}", i);
}

Status repr(TextBuilder& out, const Value& value) {
  if (const Str* s = value.as_str()) return repr_str(out, *s);
  if (value.is_undefined()) return out.append("Undefined", true);
  return print(out, value);
}

Status print(TextBuilder& out, const Value& value) {
  if (value.is_undefined()) return Status::ok();
  if (const Str* s = value.as_str()) return out.append(s->text);
  if (value.is_none()) return out.append("None", true);
  if (value.is_bool()) return out.append(value.as_bool() ? "True" : "False", true);
  if (value.is_int()) return out.append(int_text(value.as_int()), true);
  if (value.is_float()) return out.append(float_repr(value.as_double()), true);
  if (const List* list = value.as_list()) return repr_list(out, *list);
  if (const Dict* dict = value.as_dict()) return repr_dict(out, *dict);
  return repr_object(out, *value.as_object());
}

Result<MarkedText> to_text(Budget& budget, const Value& value) {
  TextBuilder out(budget);
  TRY(print(out, value));
  return std::move(out).take();
}

}  // namespace hearth::jinja
