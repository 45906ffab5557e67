// + - * / // % ** with Python's meaning: floor division, text and list repetition, escaping joins
// of Markup. An integer beyond 128 bits is an error.
#include <cmath>

#include "hearth/text/template/text_format.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {
namespace {

Status too_large() {
  return error(Code::unsupported, "an integer beyond 128 bits");
}

std::string_view symbol(BinaryOp op) {
  constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};
  return kSymbols[static_cast<size_t>(op)];
}

Status bad_operands(BinaryOp op, const Value& a, const Value& b) {
  return error(Code::invalid, "unsupported operand type(s) for {}: '{}' and '{}'", symbol(op),
               a.type_name(), b.type_name());
}

Result<Value> power_int(Int base, Int exponent) {
  if (exponent < 0) {
    if (base == 0) return error(Code::invalid, "0.0 cannot be raised to a negative power");
    return Value::real(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  Int result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return too_large();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return too_large();
  }
  return Value::integer(result);
}

Result<Value> arithmetic_int(BinaryOp op, Int a, Int b) {
  Int out = 0;
  switch (op) {
    case BinaryOp::add:
      if (__builtin_add_overflow(a, b, &out)) return too_large();
      return Value::integer(out);
    case BinaryOp::subtract:
      if (__builtin_sub_overflow(a, b, &out)) return too_large();
      return Value::integer(out);
    case BinaryOp::multiply:
      if (__builtin_mul_overflow(a, b, &out)) return too_large();
      return Value::integer(out);
    case BinaryOp::power:
      return power_int(a, b);
    default:
      break;
  }
  if (b == 0) return error(Code::invalid, "integer division or modulo by zero");
  if (op == BinaryOp::divide) {
    return Value::real(static_cast<double>(a) / static_cast<double>(b));
  }
  if (b == -1) {  // the one quotient that can overflow
    if (op == BinaryOp::modulo) return Value::integer(0);
    if (__builtin_sub_overflow(Int{0}, a, &out)) return too_large();
    return Value::integer(out);
  }
  Int quotient = a / b;
  Int rest = a % b;
  if (rest != 0 && (rest < 0) != (b < 0)) {
    quotient -= 1;
    rest += b;
  }
  return Value::integer(op == BinaryOp::modulo ? rest : quotient);
}

Result<Value> arithmetic_float(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::add:
      return Value::real(a + b);
    case BinaryOp::subtract:
      return Value::real(a - b);
    case BinaryOp::multiply:
      return Value::real(a * b);
    case BinaryOp::power:
      if (a == 0 && b < 0) {
        return error(Code::invalid, "0.0 cannot be raised to a negative power");
      }
      if (a < 0 && b != std::floor(b)) return error(Code::unsupported, "a complex number");
      return Value::real(std::pow(a, b));
    default:
      break;
  }
  if (b == 0) return error(Code::invalid, "float division by zero");
  if (op == BinaryOp::divide) return Value::real(a / b);
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  if (op == BinaryOp::modulo) return Value::real(rest == 0 ? std::copysign(0.0, b) : rest);
  return Value::real(std::floor((a - rest) / b + 0.5));
}

Result<Value> add_texts(Budget& budget, const Str& a, const Str& b) {
  const bool markup = a.markup || b.markup;
  TextBuilder out(budget);
  TRY(markup && !a.markup ? append_escaped(out, a) : out.append(a.text));
  TRY(markup && !b.markup ? append_escaped(out, b) : out.append(b.text));
  return std::move(out).take_str(markup);
}

Result<Value> add_lists(Budget& budget, const List& a, const List& b) {
  std::vector<Value> out = a.elements;
  out.insert(out.end(), b.elements.begin(), b.elements.end());
  return make_list(budget, a.kind, std::move(out));
}

// Text or list times an integer; the size is paid for before it is made.
Result<Value> repeat(Budget& budget, const Value& sequence, Int times) {
  if (times < 0) times = 0;
  const Str* s = sequence.as_str();
  const List* list = sequence.as_list();
  const auto unit = s != nullptr ? static_cast<Int>(s->text.size())
                                 : static_cast<Int>(list->elements.size() * sizeof(Value));
  Int total = 0;
  if (__builtin_mul_overflow(unit, times, &total) || total > INT64_MAX) total = INT64_MAX;
  TRY(budget.bytes(static_cast<int64_t>(total)));
  if (unit == 0) times = 0;
  if (s != nullptr) {
    MarkedText out;
    for (Int i = 0; i < times; ++i) out.append(s->text);
    return Value::str(std::move(out), s->markup);
  }
  std::vector<Value> out;
  for (Int i = 0; i < times; ++i) {
    out.insert(out.end(), list->elements.begin(), list->elements.end());
  }
  return make_list(budget, list->kind, std::move(out));
}

bool can_repeat(const Value& value) {
  const List* list = value.as_list();
  return value.is_str() ||
         (list != nullptr && (list->kind == List::Kind::list || list->kind == List::Kind::tuple));
}

}  // namespace

Status append_escaped(TextBuilder& out, const Str& text) {
  const std::string& bytes = text.text.bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    const bool trusted = text.text.trusted_at(i);
    switch (bytes[i]) {
      case '&':
        TRY(out.append("&amp;", trusted));
        break;
      case '<':
        TRY(out.append("&lt;", trusted));
        break;
      case '>':
        TRY(out.append("&gt;", trusted));
        break;
      case '\'':
        TRY(out.append("&#39;", trusted));
        break;
      case '"':
        TRY(out.append("&#34;", trusted));
        break;
      default:
        TRY(out.append(text.text, i, i + 1));
    }
  }
  return Status::ok();
}

Result<Value> arithmetic(Budget& budget, BinaryOp op, const Value& a, const Value& b) {
  // Text % undefined prints it like any other value; every other use is an error.
  if (op == BinaryOp::modulo && a.is_str()) return printf_format(budget, *a.as_str(), b);
  TRY(refuse_undefined(a));
  TRY(refuse_undefined(b));
  if (a.is_number() && b.is_number()) {
    if (a.is_int() && b.is_int()) return arithmetic_int(op, a.as_int(), b.as_int());
    return arithmetic_float(op, a.as_double(), b.as_double());
  }
  if (op == BinaryOp::add) {
    if (a.is_str() && b.is_str()) return add_texts(budget, *a.as_str(), *b.as_str());
    if (can_repeat(a) && can_repeat(b) && !a.is_str() && !b.is_str() &&
        a.as_list()->kind == b.as_list()->kind) {
      return add_lists(budget, *a.as_list(), *b.as_list());
    }
    if (a.is_str()) {
      return error(Code::invalid, "can only concatenate str (not \"{}\") to str", b.type_name());
    }
  }
  if (op == BinaryOp::multiply) {
    if (can_repeat(a) && b.is_int()) return repeat(budget, a, b.as_int());
    if (can_repeat(b) && a.is_int()) return repeat(budget, b, a.as_int());
  }
  return bad_operands(op, a, b);
}

Result<Value> negate(const Value& a) {
  TRY(refuse_undefined(a));
  if (a.is_int()) {
    Int out = 0;
    if (__builtin_sub_overflow(Int{0}, a.as_int(), &out)) return too_large();
    return Value::integer(out);
  }
  if (a.is_float()) return Value::real(-a.as_double());
  return error(Code::invalid, "bad operand type for unary -: '{}'", a.type_name());
}

}  // namespace hearth::jinja
