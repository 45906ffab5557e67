// See answer_parser.h: numbers, symbols, brackets, functions, matrices.
#include <algorithm>

#include "hearth/eval/math/answer_parser.h"
#include "hearth/eval/math/latex_words.h"

namespace hearth::math {
namespace {

constexpr int kDepthMax = 40;
constexpr size_t kDigitsMax = 1'000;
constexpr size_t kEntriesMax = 256;
using Kind = Answer::Kind;

Answer of_scalar(Scalar value) {
  Answer out;
  out.scalar = std::move(value);
  return out;
}

Integer power_of_ten(size_t n) {
  return pow(Integer(10), static_cast<unsigned>(n));
}

// Boost reads a leading 0 as octal.
Integer integer_of(std::string_view digits) {
  const size_t first = std::min(digits.find_first_not_of('0'), digits.size());
  const std::string text(digits.substr(first));
  return text.empty() ? Integer(0) : Integer(text);
}

// "12.5" and the digits that repeat behind it.
Rational decimal(std::string_view text, std::string_view repeating) {
  const size_t point = std::min(text.find('.'), text.size());
  const size_t places = text.size() - std::min(point + 1, text.size());
  std::string digits(text);
  if (point < text.size()) digits.erase(point, 1);
  const Rational fixed(integer_of(digits), power_of_ten(places));
  if (repeating.empty()) return fixed;
  const Integer period = power_of_ten(repeating.size()) - 1;
  return fixed + Rational(integer_of(repeating), period * power_of_ten(places));
}

std::optional<Rational> in_base(std::string_view digits, int base) {
  Integer value = 0;
  for (const char c : digits) {
    if (c < '0' || c - '0' >= base) return std::nullopt;
    value = value * base + (c - '0');
  }
  return Rational(value);
}

bool is_trigonometric(std::string_view name) {
  return name == "sin" || name == "cos" || name == "tan" || name == "cot" || name == "sec" ||
         name == "csc";
}

}  // namespace

Answer AnswerParser::primary() {
  if (++depth_ > kDepthMax) fail();
  const Token& token = peek();
  Answer out;
  switch (token.kind) {
    case TokenKind::number:
      out = number();
      break;
    case TokenKind::symbol:
      out = symbol();
      break;
    case TokenKind::command:
      out = command();
      break;
    case TokenKind::words:
      out.kind = Kind::words;
      out.text = token.text;
      ++at_;
      break;
    case TokenKind::op:
      out = bracketed();
      break;
    case TokenKind::end:
      fail();
      break;
  }
  --depth_;
  if (failed_ || algebra_.failed()) {
    fail();
    return of_scalar(whole(0));
  }
  return out;
}

Answer AnswerParser::number() {
  const std::string text = peek().text;
  ++at_;
  if (text.size() > kDigitsMax) {
    fail();
    return {};
  }
  std::string repeating;
  if (text.find('.') != text.npos && peek().is_command("overline") && peek(1).is("{") &&
      peek(2).kind == TokenKind::number && peek(2).text.find('.') == text.npos && peek(3).is("}")) {
    repeating = peek(2).text;
    at_ += 4;
  }
  Rational value = decimal(text, repeating);
  if (take("_")) {
    const auto base = as_rational(scalar_of(primary()));
    const bool small = base && denominator(*base) == 1 && *base >= 2 && *base <= 10;
    const auto read = small ? in_base(text, static_cast<int>(*base)) : std::nullopt;
    if (!read) fail();
    value = read.value_or(0);
  }
  return of_scalar(algebra_.number(value));
}

Answer AnswerParser::symbol() {
  const std::string name = peek().text;
  ++at_;
  if (name == "{}") {
    Answer empty;
    empty.kind = Kind::set;
    return empty;
  }
  if (name == "pi") return of_scalar(algebra_.constant(AtomKind::pi));
  const bool plain = !peek().is("_");
  if (name == "e" && plain) return of_scalar(algebra_.constant(AtomKind::e));
  if (name == "i" && plain) return of_scalar(algebra_.constant(AtomKind::imaginary));
  return of_scalar(algebra_.symbol(name + subscript()));
}

std::string AnswerParser::subscript() {
  if (!take("_")) return "";
  std::string out = "_";
  if (!take("{")) {
    out += peek().text;
    if (peek().kind != TokenKind::end) ++at_;
    return out;
  }
  while (!peek().is("}") && peek().kind != TokenKind::end) {
    out += peek().text;
    ++at_;
  }
  expect("}");
  return out;
}

// --- Brackets
// -------------------------------------------------------------------------------------

Answer AnswerParser::bracketed() {
  if (peek().is("{")) return group();
  if (take("\\{")) return set();
  if (take("lfloor")) return between("rfloor", "floor");
  if (take("lceil")) return between("rceil", "ceil");
  if (take("|")) {
    ++bars_;
    Answer out = between("|", "abs");
    --bars_;
    return out;
  }
  const char open = peek().is("[") ? '[' : '(';
  if (!take("(")) expect("[");
  const int outer_bars = std::exchange(bars_, 0);
  Answer inside = list(Signs::one);
  bars_ = outer_bars;
  const char close = peek().is("]") ? ']' : ')';
  if (!take(")")) expect("]");
  if (inside.kind != Kind::list) return inside;
  inside.kind = Kind::ordered;
  inside.open = open;
  inside.close = close;
  return inside;
}

// LaTeX's braces group; around a list they are a set written without backslashes.
Answer AnswerParser::group() {
  expect("{");
  const int outer_bars = std::exchange(bars_, 0);
  Answer inside = list(Signs::one);
  bars_ = outer_bars;
  expect("}");
  if (inside.kind == Kind::list) inside.kind = Kind::set;
  return inside;
}

// {1, 2}, {}, or {x | condition}, which is its condition.
Answer AnswerParser::set() {
  Answer out;
  out.kind = Kind::set;
  if (take("\\}")) return out;
  const bool builder = peek().kind == TokenKind::symbol && (peek(1).is("|") || peek(1).is(":"));
  if (builder) at_ += 2;
  const int outer_bars = std::exchange(bars_, 0);
  Answer inside = list(Signs::both);
  bars_ = outer_bars;
  expect("\\}");
  if (builder) return inside;
  if (inside.kind == Kind::list) {
    out.items = std::move(inside.items);
  } else {
    out.items.push_back(std::move(inside));
  }
  return out;
}

Answer AnswerParser::between(std::string_view close, std::string_view function) {
  Scalar value = scalar_of(sum());
  expect(close);
  return of_scalar(algebra_.call(function, {std::move(value)}));
}

// --- Commands
// -------------------------------------------------------------------------------------

Answer AnswerParser::command() {
  const std::string name = peek().text;
  ++at_;
  if (name == "frac" || name == "binom") return pair(name);
  if (name == "sqrt") return root();
  if (name == "begin") return matrix();
  if (is_function(name)) return function(name);
  fail();
  return {};
}

Answer AnswerParser::pair(std::string_view name) {
  Scalar top = scalar_of(primary());
  Scalar bottom = scalar_of(primary());
  if (name == "frac") return of_scalar(algebra_.divide(top, bottom));
  return of_scalar(algebra_.call("binomial", {std::move(top), std::move(bottom)}));
}

Answer AnswerParser::root() {
  Scalar index = whole(2);
  if (take("[")) {
    index = scalar_of(sum());
    expect("]");
  }
  const Scalar radicand = scalar_of(primary());
  return of_scalar(algebra_.power(radicand, algebra_.divide(whole(1), index)));
}

// \begin{pmatrix} a & b \\ c & d \end{pmatrix}, past "begin"; an array's column letters are
// skipped.
Answer AnswerParser::matrix() {
  Answer out;
  out.kind = Kind::matrix;
  expect("{");
  const std::string name = peek().text;
  const bool known = name == "pmatrix" || name == "bmatrix" || name == "matrix" ||
                     name == "smallmatrix" || name == "array";
  if (!known) fail();
  ++at_;
  expect("}");
  if (name == "array" && take("{")) {
    while (!failed_ && !take("}")) {
      if (peek().kind == TokenKind::end) fail();
      if (!failed_) ++at_;
    }
  }
  size_t in_row = 0;
  while (!failed_ && !peek().is_command("end")) {
    if (out.items.size() >= kEntriesMax) fail();
    out.items.push_back(sum());
    ++in_row;
    if (take("&")) continue;
    if (out.columns == 0) out.columns = in_row;
    if (in_row != out.columns) fail();
    in_row = 0;
    if (!take("row") && !peek().is_command("end")) fail();
  }
  if (failed_ || out.items.empty()) {
    fail();
    return out;
  }
  ++at_;  // \end{name}
  expect("{");
  if (peek().text != name) fail();
  ++at_;
  expect("}");
  return out;
}

// sin x, sin^2 x, sin^{-1} x, log_2 8, \ln(x): without brackets the argument is the factors up to
// the next function.
Answer AnswerParser::function(const std::string& name) {
  std::optional<Scalar> raised;
  std::optional<Scalar> base;
  for (int i = 0; i < 2; ++i) {
    if (!raised && take("^")) raised = exponent();
    if (name == "log" && !base && take("_")) base = scalar_of(primary());
  }
  const bool inverse = raised && as_rational(*raised) == Rational(-1) && is_trigonometric(name);
  radians_ += is_trigonometric(name) && !inverse ? 1 : 0;
  Scalar x = argument();
  radians_ -= is_trigonometric(name) && !inverse ? 1 : 0;
  Scalar value;
  if (name == "exp") {
    value = algebra_.power(algebra_.constant(AtomKind::e), x);
  } else if (name == "log" || name == "lg") {
    value = algebra_.divide(algebra_.call("ln", {std::move(x)}),
                            algebra_.call("ln", {base.value_or(whole(10))}));
  } else {
    value = algebra_.call(inverse ? "arc" + name : name, {std::move(x)});
  }
  if (raised && !inverse) value = algebra_.power(value, *raised);
  return of_scalar(std::move(value));
}

Scalar AnswerParser::argument() {
  if (peek().is("(") || peek().is("{") || peek().is("[")) return scalar_of(postfix());
  Scalar out = scalar_of(signed_power());
  while (!failed_ && begins_factor() && !is_function(peek().text)) {
    out = algebra_.multiply(out, scalar_of(power()));
  }
  return out;
}

}  // namespace hearth::math
