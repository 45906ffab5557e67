// Binding of arguments, and the filters on single values.
#include "hearth/text/template/filters.h"

#include <algorithm>
#include <cmath>

#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/literals.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {

Result<Int> Bound::integer(size_t i, Int fallback) const {
  if (!has(i)) return fallback;
  TRY(refuse_undefined(*values_[i]));
  if (values_[i]->is_int()) return values_[i]->as_int();
  return error(Code::invalid, "expected an integer, found {}", values_[i]->type_name());
}

Result<Bound> bind(std::string_view callee, const CallArgs& args,
                   std::initializer_list<std::string_view> parameters, size_t required) {
  std::vector<std::optional<Value>> values(parameters.size());
  if (args.positional.size() > parameters.size()) {
    return error(Code::invalid, "{}: takes at most {} argument(s), {} given", callee,
                 parameters.size(), args.positional.size());
  }
  std::copy(args.positional.begin(), args.positional.end(), values.begin());
  for (const auto& [name, value] : args.named) {
    const auto* const found = std::find(parameters.begin(), parameters.end(), name);
    if (found == parameters.end()) {
      return error(Code::invalid, "{}: unexpected keyword argument '{}'", callee, name);
    }
    const auto i = static_cast<size_t>(found - parameters.begin());
    if (values[i].has_value()) {
      return error(Code::invalid, "{}: argument '{}' given twice", callee, name);
    }
    values[i] = value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!values[i].has_value()) {
      return error(Code::invalid, "{}: missing argument '{}'", callee, *(parameters.begin() + i));
    }
  }
  return Bound(std::move(values));
}

Result<Value> as_text(Evaluator& evaluator, const Value& value) {
  if (value.is_str()) return value;
  TRY_ASSIGN(MarkedText text, to_text(evaluator.budget(), value));
  return Value::str(std::move(text));
}

namespace {

Result<Value> filter_default(Evaluator&, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("default", args, {"default_value", "boolean"}));
  const bool replace = value.is_undefined() || (b.is_true(1) && !truthy(value));
  if (!replace) return value;
  return b.has(0) ? b[0] : Value::literal("");
}

Result<Value> filter_abs(Evaluator&, const Value& value, const CallArgs& args) {
  TRY(bind("abs", args, {}));
  TRY(refuse_undefined(value));
  if (!value.is_number()) {
    return error(Code::invalid, "bad operand type for abs(): '{}'", value.type_name());
  }
  if (value.is_float()) return Value::real(std::abs(value.as_double()));
  return value.as_int() < 0 ? negate(value) : Result<Value>(Value::integer(value.as_int()));
}

Result<Value> filter_attr(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("attr", args, {"name"}, 1));
  if (!b[0].is_str()) return error(Code::invalid, "attr: expected a name");
  const std::string_view name = b[0].as_str()->text.view();
  // Attributes only: a dict's keys are not looked at.
  if (const Dict* dict = value.as_dict(); dict != nullptr && dict->find(name) != nullptr &&
                                          find_method(value, name) == nullptr &&
                                          !is_mutator(value, name)) {
    return Value::undefined(fmt::format("'dict object' has no attribute '{}'", name));
  }
  return evaluator.attribute(value, name);
}

Result<Value> filter_int(Evaluator&, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("int", args, {"default", "base"}));
  const Value fallback = b.has(0) ? b[0] : Value::integer(0);
  TRY_ASSIGN(const Int base, b.integer(1, 10));
  TRY(refuse_undefined(value));
  std::optional<double> real;
  if (value.is_int()) return Value::integer(value.as_int());
  if (value.is_float()) real = value.as_double();
  if (const Str* s = value.as_str()) {
    if (base != 0 && (base < 2 || base > 36)) return fallback;
    if (const auto i = parse_int(s->text.view(), static_cast<int>(base))) return Value::integer(*i);
    real = parse_float(s->text.view());
  }
  if (!real.has_value() || !std::isfinite(*real)) return fallback;
  if (std::abs(*real) >= 1e38) return error(Code::unsupported, "an integer beyond 128 bits");
  return Value::integer(static_cast<Int>(*real));
}

Result<Value> filter_float(Evaluator&, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("float", args, {"default"}));
  TRY(refuse_undefined(value));
  if (value.is_number()) return Value::real(value.as_double());
  if (const Str* s = value.as_str()) {
    if (const auto d = parse_float(s->text.view())) return Value::real(*d);
  }
  return b.has(0) ? b[0] : Value::real(0.0);
}

// round(x, n) of Python: the decimal nearest to the exact binary value, ties to even.
double round_decimal(double x, int precision) {
  if (!std::isfinite(x) || precision > 300) return x;
  if (precision >= 0) return parse_float(fmt::format("{:.{}f}", x, precision)).value_or(x);
  const double unit = std::pow(10.0, -precision);
  return std::isinf(unit) ? 0.0 : std::nearbyint(x / unit) * unit;
}

Result<Value> filter_round(Evaluator&, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("round", args, {"precision", "method"}));
  TRY_ASSIGN(const Int wide, b.integer(0, 0));
  const auto precision = static_cast<int>(std::clamp<Int>(wide, -400, 400));
  TRY(refuse_undefined(value));
  const std::string_view method = !b.has(1)       ? "common"
                                  : b[1].is_str() ? b[1].as_str()->text.view()
                                                  : std::string_view();
  if (method != "common" && method != "ceil" && method != "floor") {
    return error(Code::invalid, "round: method must be common, ceil or floor");
  }
  if (!value.is_number()) {
    return error(Code::invalid, "round: expected a number, found {}", value.type_name());
  }
  if (method == "common") {
    if (value.is_int() && precision >= 0) return Value::integer(value.as_int());
    const double rounded = round_decimal(value.as_double(), precision);
    return value.is_int() ? Value::integer(static_cast<Int>(rounded)) : Value::real(rounded);
  }
  const double scale = std::pow(10.0, precision);
  const double scaled = value.as_double() * scale;
  if (!std::isfinite(scaled)) return error(Code::invalid, "round: the number is too large");
  return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Result<JsonStyle> json_style(const CallArgs& args) {
  TRY_ASSIGN(const Bound b,
             bind("tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ascii = b.is_true(0);
  style.sort_keys = b.is_true(3);
  if (!b.is_none(1)) {
    if (const Str* text = b[1].as_str()) {
      style.indent = text->text.bytes();
    } else {
      TRY_ASSIGN(const Int width, b.integer(1, 0));
      if (width > 1000) return error(Code::invalid, "tojson: indent too wide");
      style.indent = std::string(static_cast<size_t>(std::max<Int>(width, 0)), ' ');
    }
    style.item_separator.pop_back();  // lines end in a bare comma
  }
  if (b.is_none(2)) return style;
  const List* pair = b[2].as_list();
  if (pair == nullptr || pair->elements.size() != 2 || !pair->elements[0].is_str() ||
      !pair->elements[1].is_str()) {
    return error(Code::invalid, "tojson: separators must be two strings");
  }
  style.item_separator = pair->elements[0].as_str()->text.bytes();
  style.key_separator = pair->elements[1].as_str()->text.bytes();
  return style;
}

Result<Value> filter_attribute_safe(Evaluator& evaluator, const Value& value,
                                    const CallArgs& args) {
  TRY(bind("safe", args, {}));
  TRY_ASSIGN(MarkedText text, to_text(evaluator.budget(), value));
  return Value::str(std::move(text), true);
}

Result<Value> escape_to_markup(Evaluator& evaluator, const Value& value) {
  TRY_ASSIGN(const Value text, as_text(evaluator, value));
  TextBuilder out(evaluator.budget());
  TRY(append_escaped(out, *text.as_str()));
  return std::move(out).take_str(true);
}

Result<Value> filter_escape(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("escape", args, {}));
  if (value.is_str() && value.as_str()->markup) return value;
  return escape_to_markup(evaluator, value);
}

Result<Value> filter_forceescape(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("forceescape", args, {}));
  return escape_to_markup(evaluator, value);
}

Result<Value> filter_string(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("string", args, {}));
  return as_text(evaluator, value);
}

constexpr Entry<Callable> kFilters[] = {
    {"abs", filter_abs},
    {"attr", filter_attr},
    {"d", filter_default},
    {"default", filter_default},
    {"e", filter_escape},
    {"escape", filter_escape},
    {"float", filter_float},
    {"forceescape", filter_forceescape},
    {"int", filter_int},
    {"round", filter_round},
    {"safe", filter_attribute_safe},
    {"string", filter_string},
    {"tojson", json_filter},
};

}  // namespace

Result<Value> json_filter(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const JsonStyle style, json_style(args));
  TextBuilder out(evaluator.budget());
  TRY(print_json(out, value, style));
  return std::move(out).take_str();
}

Callable find_filter(std::string_view name) {
  if (const Callable f = find_entry(kFilters, name)) return f;
  if (const Callable f = find_text_filter(name)) return f;
  return find_sequence_filter(name);
}

bool is_refused_filter(std::string_view name) {
  constexpr std::string_view kRefused[] = {"filesizeformat", "pprint",   "random", "striptags",
                                           "urlize",         "wordwrap", "xmlattr"};
  return std::find(std::begin(kRefused), std::end(kRefused), name) != std::end(kRefused);
}

}  // namespace hearth::jinja
