// A format specification is the same idea in both notations: fill, align, sign, width, precision,
// type. Numbers and text are laid out by one function each.
#include "hearth/text/template/text_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {
namespace {

struct Spec {
  std::string fill = " ";
  char align = 0;  // < > ^ =
  char sign = '-';
  bool alternate = false;
  char group = 0;  // , or _
  int width = 0;
  int precision = -1;
  char type = 0;
};

constexpr int kWidthMax = 1 << 20;
constexpr int kPrecisionMax = 400;

Status bad_format(std::string_view why) {
  return error(Code::invalid, "format: {}", why);
}

// Digits at `at`; -1 when there are none.
Result<int> read_number(std::string_view text, size_t& at, int max) {
  if (at >= text.size() || text[at] < '0' || text[at] > '9') return -1;
  int n = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    n = n * 10 + (text[at] - '0');
    if (n > max) return bad_format("width or precision too large");
  }
  return n;
}

std::string integer_digits(Int value, const Spec& spec) {
  const bool negative = value < 0;
  auto rest =
      negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  const unsigned base = spec.type == 'x' || spec.type == 'X' ? 16
                        : spec.type == 'o'                   ? 8
                        : spec.type == 'b'                   ? 2
                                                             : 10;
  std::string digits;
  do {
    digits += "0123456789abcdef"[static_cast<size_t>(rest % base)];
    rest /= base;
  } while (rest != 0);
  std::reverse(digits.begin(), digits.end());
  if (spec.alternate && base == 16) digits.insert(0, "0x");
  if (spec.alternate && base == 8) digits.insert(0, "0o");
  if (spec.alternate && base == 2) digits.insert(0, "0b");
  if (spec.type == 'X') {
    for (char& c : digits) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  }
  return digits;
}

std::string float_digits(double value, const Spec& spec) {
  const double v = std::abs(value);
  const int precision = spec.precision < 0 ? 6 : spec.precision;
  switch (spec.type) {
    case 'f':
    case 'F':
      return fmt::format("{:.{}f}", v, precision);
    case '%':
      return fmt::format("{:.{}f}%", v * 100, precision);
    case 'e':
      return fmt::format("{:.{}e}", v, precision);
    case 'E':
      return fmt::format("{:.{}E}", v, precision);
    case 'g':
      return fmt::format("{:.{}g}", v, std::max(precision, 1));
    case 'G':
      return fmt::format("{:.{}G}", v, std::max(precision, 1));
    default:
      return spec.precision < 0 ? float_repr(v) : fmt::format("{:.{}g}", v, std::max(precision, 1));
  }
}

void group_digits(std::string& digits, char separator) {
  const size_t end = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (size_t i = end; i > 3; i -= 3) digits.insert(i - 3, 1, separator);
}

// Pads `body` (counted in characters) to the width.
Status append_padded(TextBuilder& out, const MarkedText& body, const Spec& spec, char align) {
  const int64_t missing = std::max<int64_t>(0, spec.width - char_count(body.view()));
  const int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  for (int64_t i = 0; i < left; ++i) TRY(out.append(spec.fill, true));
  TRY(out.append(body));
  for (int64_t i = left; i < missing; ++i) TRY(out.append(spec.fill, true));
  return Status::ok();
}

Status append_number(TextBuilder& out, const Value& value, const Spec& spec) {
  const bool is_float =
      value.is_float() ||
      (spec.type != 0 && std::string_view("fFeEgG%").find(spec.type) != std::string_view::npos);
  std::string digits =
      is_float ? float_digits(value.as_double(), spec) : integer_digits(value.as_int(), spec);
  if (spec.group != 0) group_digits(digits, spec.group);
  const bool negative = is_float ? std::signbit(value.as_double()) : value.as_int() < 0;
  std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  if (spec.align == '=') {
    const auto size = static_cast<int>(sign.size() + digits.size());
    for (int i = size; i < spec.width; ++i) sign += spec.fill;
  }
  return append_padded(out, MarkedText(sign + digits, true), spec,
                       spec.align == 0 ? '>' : spec.align);
}

Status append_text(TextBuilder& out, const MarkedText& text, const Spec& spec) {
  if (spec.precision < 0) return append_padded(out, text, spec, spec.align == 0 ? '<' : spec.align);
  const std::vector<size_t> offsets = char_offsets(text.view());
  const size_t keep = std::min(static_cast<size_t>(spec.precision), offsets.size() - 1);
  return append_padded(out, text.slice(0, offsets[keep]), spec, spec.align == 0 ? '<' : spec.align);
}

// ---- "%"

class Printf {
 public:
  Printf(Budget& budget, const Str& format, const Value& values)
      : budget_(budget), format_(format), values_(values), out_(budget) {}

  Result<Value> run() {
    const std::string_view text = format_.text.view();
    size_t copied = 0;
    for (size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at)) {
      TRY(out_.append(format_.text, copied, at));
      ++at;
      TRY(field(text, at));
      copied = at;
    }
    TRY(out_.append(format_.text, copied, text.size()));
    const List* tuple = values_.as_list();
    const bool is_tuple = tuple != nullptr && tuple->kind == List::Kind::tuple;
    const size_t given = is_tuple ? tuple->elements.size() : values_.is_dict() ? used_ : 1;
    if (used_ < given && !keyed_) {
      return bad_format("not all arguments converted during string formatting");
    }
    return std::move(out_).take_str(format_.markup);
  }

 private:
  Result<Value> next_value() {
    const List* tuple = values_.as_list();
    const bool is_tuple = tuple != nullptr && tuple->kind == List::Kind::tuple;
    if (used_ >= (is_tuple ? tuple->elements.size() : 1)) {
      return bad_format("not enough arguments for format string");
    }
    return is_tuple ? tuple->elements[used_++] : (++used_, values_);
  }

  Result<Value> keyed_value(std::string_view text, size_t& at) {
    const size_t end = text.find(')', at);
    if (end == std::string_view::npos) return bad_format("incomplete format key");
    if (!values_.is_dict()) return bad_format("format requires a mapping");
    keyed_ = true;
    const std::string_view key = text.substr(at + 1, end - at - 1);
    at = end + 1;
    const Value* value = values_.as_dict()->find(key);
    if (value == nullptr) return error(Code::invalid, "format: no key '{}'", key);
    return *value;
  }

  Result<Spec> spec(std::string_view text, size_t& at) {
    Spec spec;
    spec.align = '>';
    for (; at < text.size(); ++at) {
      const char c = text[at];
      if (c == '-') {
        spec.align = '<';
      } else if (c == '+' || c == ' ') {
        spec.sign = spec.sign == '+' ? '+' : c;
      } else if (c == '#') {
        spec.alternate = true;
      } else if (c == '0') {
        if (spec.align == '<') continue;
        spec.align = '=';
        spec.fill.front() = '0';
      } else {
        break;
      }
    }
    TRY_ASSIGN(const int width, read_number(text, at, kWidthMax));
    spec.width = std::max(width, 0);
    if (at < text.size() && text[at] == '.') {
      TRY_ASSIGN(const int precision, read_number(text, ++at, kPrecisionMax));
      spec.precision = std::max(precision, 0);
    }
    while (at < text.size() && (text[at] == 'l' || text[at] == 'h' || text[at] == 'L')) ++at;
    return spec;
  }

  Status field(std::string_view text, size_t& at) {
    std::optional<Value> keyed;
    if (at < text.size() && text[at] == '(') {
      TRY_ASSIGN(Value value, keyed_value(text, at));
      keyed = std::move(value);
    }
    TRY_ASSIGN(Spec spec, this->spec(text, at));
    if (at >= text.size()) return bad_format("incomplete format");
    const char type = text[at++];
    if (type == '%') return out_.append("%", true);
    Value value;
    if (keyed.has_value()) {
      value = std::move(*keyed);
    } else {
      TRY_ASSIGN(value, next_value());
    }
    return convert(type, spec, value);
  }

  Status convert(char type, Spec spec, const Value& value) {
    if (type == 's' || type == 'r' || type == 'a') {
      spec.fill.front() = ' ';
      if (spec.align == '=') spec.align = '>';
      TextBuilder body(budget_);
      TRY(type == 's' ? print(body, value) : repr(body, value));
      MarkedText text = std::move(body).take();
      if (format_.markup && !(value.is_str() && value.as_str()->markup)) {
        TextBuilder safe(budget_);
        TRY(append_escaped(safe, Str{std::move(text), false}));
        text = std::move(safe).take();
      }
      return append_text(out_, text, spec);
    }
    if (type == 'c' && value.is_str() && char_count(value.as_str()->text.view()) == 1) {
      return append_text(out_, value.as_str()->text, spec);
    }
    if (std::string_view("diuxXoeEfFgG").find(type) == std::string_view::npos) {
      return error(Code::invalid, "format: unsupported format character '{}'", type);
    }
    TRY(refuse_undefined(value));
    if (!value.is_number()) {
      return error(Code::invalid, "format: %{} needs a number, not {}", type, value.type_name());
    }
    spec.type = type == 'i' || type == 'u' ? 'd' : type;
    if (std::string_view("dxXo").find(spec.type) == std::string_view::npos || !value.is_float()) {
      return append_number(out_, value, spec);
    }
    const double whole = std::trunc(value.as_double());
    if (spec.type != 'd' || !(std::abs(whole) < 1e38)) return bad_format("an integer is required");
    return append_number(out_, Value::integer(static_cast<Int>(whole)), spec);
  }

  Budget& budget_;
  const Str& format_;
  const Value& values_;
  TextBuilder out_;
  size_t used_ = 0;
  bool keyed_ = false;
};

// ---- "{}"

Result<Spec> parse_spec(std::string_view text) {
  Spec spec;
  size_t at = 0;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  if (!text.empty()) {
    size_t second = 0;
    next_char(text, second);
    if (second < text.size() && is_align(text[second])) {
      spec.fill = std::string(text.substr(0, second));
      spec.align = text[second];
      at = second + 1;
    } else if (is_align(text[0])) {
      spec.align = text[at++];
    }
  }
  const auto take = [&](std::string_view set) {
    return at < text.size() && set.find(text[at]) != std::string_view::npos ? text[at++] : '\0';
  };
  if (const char c = take("+- "); c != 0) spec.sign = c;
  spec.alternate = take("#") != 0;
  if (take("0") != 0 && spec.align == 0) {
    spec.align = '=';
    spec.fill.front() = '0';
  }
  TRY_ASSIGN(const int width, read_number(text, at, kWidthMax));
  spec.width = std::max(width, 0);
  spec.group = take(",_");
  if (take(".") != 0) {
    TRY_ASSIGN(spec.precision, read_number(text, at, kPrecisionMax));
    if (spec.precision < 0) return bad_format("Format specifier missing precision");
  }
  spec.type = take("sdbcoxXeEfFgG%n");
  if (at != text.size()) return bad_format("Invalid format specifier");
  return spec;
}

Status append_field(TextBuilder& out, const Value& value, std::string_view conversion,
                    std::string_view spec_text) {
  TRY_ASSIGN(Spec spec, parse_spec(spec_text));
  if (conversion.empty() && value.is_number() && !(value.is_bool() && spec_text.empty())) {
    const bool integer_type = std::string_view("dbcoxXn").find(spec.type) != std::string_view::npos;
    if (spec.type == 's' || (value.is_float() && spec.type != 0 && integer_type)) {
      return error(Code::invalid, "format: Unknown format code '{}' for object of type '{}'",
                   spec.type, value.type_name());
    }
    return append_number(out, value, spec);
  }
  if (spec.type != 0 && spec.type != 's') {
    return error(Code::invalid, "format: Unknown format code '{}' for object of type '{}'",
                 spec.type, value.type_name());
  }
  if (!spec_text.empty() && !value.is_str() && conversion.empty()) {
    return error(Code::invalid, "unsupported format string passed to {}.__format__",
                 value.type_name());
  }
  TextBuilder body(out.budget());
  TRY(conversion == "r" ? repr(body, value) : print(body, value));
  return append_text(out, std::move(body).take(), spec);
}

}  // namespace

Result<Value> printf_format(Budget& budget, const Str& format, const Value& values) {
  return Printf(budget, format, values).run();
}

Result<Value> brace_format(Budget& budget, const Str& format, const FieldLookup& lookup) {
  TextBuilder out(budget);
  const std::string_view text = format.text.view();
  size_t automatic = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t brace = std::min(text.find_first_of("{}", at), text.size());
    TRY(out.append(format.text, at, brace));
    if (brace == text.size()) break;
    if (brace + 1 < text.size() && text[brace + 1] == text[brace]) {
      TRY(out.append(format.text, brace, brace + 1));
      at = brace + 2;
      continue;
    }
    if (text[brace] == '}') return bad_format("Single '}' encountered in format string");
    const size_t end = text.find('}', brace);
    if (end == std::string_view::npos) return bad_format("expected '}' before end of string");
    std::string_view field = text.substr(brace + 1, end - brace - 1);
    if (field.find('{') != std::string_view::npos) {
      return error(Code::unsupported, "format: nested replacement fields");
    }
    const size_t colon = std::min(field.find(':'), field.size());
    const std::string_view spec = colon < field.size() ? field.substr(colon + 1) : "";
    field = field.substr(0, colon);
    const size_t bang = std::min(field.find('!'), field.size());
    const std::string_view conversion = bang < field.size() ? field.substr(bang + 1) : "";
    std::string name(field.substr(0, bang));
    if (name.empty() || name[0] == '.' || name[0] == '[') {
      name = fmt::format("{}{}", automatic++, name);
    }
    TRY_ASSIGN(const Value value, lookup(name));
    TRY(append_field(out, value, conversion, spec));
    at = end + 1;
  }
  return std::move(out).take_str(format.markup);
}

}  // namespace hearth::jinja
