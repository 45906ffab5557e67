// See answer_parser.h: lists, relations, sums, products and powers.
#include "hearth/eval/math/answer_parser.h"

#include <algorithm>
#include <array>

#include "hearth/eval/math/relations.h"

namespace hearth::math {
namespace {

constexpr int kDepthMax = 40;
constexpr size_t kItemsMax = 256;
constexpr int kSignPairsMax = 64;
using Kind = Answer::Kind;

Answer of_items(Kind kind, std::vector<Answer> items) {
  Answer out;
  out.kind = kind;
  out.items = std::move(items);
  return out;
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

bool closes(const Token& token) {
  return token.is(")") || token.is("]") || token.is("\\}") || token.is("}");
}

}  // namespace

Result<ParsedAnswer> parse_answer(std::string_view text, const ParseOptions& options) {
  TRY_ASSIGN(std::vector<Token> tokens, lex(text, {options.join_thousands}));
  return AnswerParser(std::move(tokens), options).run();
}

Result<ParsedAnswer> AnswerParser::run() {
  ParsedAnswer out;
  out.value = list(Signs::both);
  if (peek().kind != TokenKind::end) fail();
  if (failed_ || algebra_.failed()) {
    return error(Code::corrupt, "answer: expected an expression, found something else");
  }
  out.has_percent = has_percent_;
  return out;
}

const Token& AnswerParser::peek(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

bool AnswerParser::take(std::string_view op) {
  if (!peek().is(op)) return false;
  ++at_;
  return true;
}

void AnswerParser::expect(std::string_view op) {
  if (!take(op)) fail();
}

void AnswerParser::fail() {
  failed_ = true;
  at_ = tokens_.size() - 1;
}

// --- Lists, relations, unions
// ---------------------------------------------------------------------

Answer AnswerParser::list(Signs signs) {
  std::vector<Answer> items;
  do {
    if (peek().kind == TokenKind::end || closes(peek())) break;  // a comma at the end
    if (items.size() >= kItemsMax) fail();
    item(signs, items);
  } while (take(","));
  if (items.empty()) {
    fail();
    return {};
  }
  return items.size() == 1 ? std::move(items[0]) : of_items(Kind::list, std::move(items));
}

// An item with ± is read once for each sign, where order says nothing: in a list or a set.
void AnswerParser::item(Signs signs, std::vector<Answer>& items) {
  const size_t begin = at_;
  const bool outer = saw_sign_pair_;
  if (signs == Signs::both) saw_sign_pair_ = false;
  items.push_back(relation());
  if (signs == Signs::one) return;
  if (saw_sign_pair_ && !failed_) {
    if (++sign_pairs_ > kSignPairsMax) fail();
    at_ = failed_ ? at_ : begin;
    upper_signs_ = !upper_signs_;
    items.push_back(relation());
    upper_signs_ = !upper_signs_;
  }
  saw_sign_pair_ = outer;
}

Answer AnswerParser::relation() {
  static constexpr std::array<std::string_view, 7> kOps = {"=", "<", ">", "<=", ">=", "!=", "in"};
  std::vector<Answer> operands;
  std::vector<std::string> ops;
  operands.push_back(union_of());
  for (;;) {
    const auto op =
        std::find_if(kOps.begin(), kOps.end(), [&](std::string_view o) { return peek().is(o); });
    if (op == kOps.end()) break;
    ++at_;
    if (ops.size() >= kItemsMax) fail();
    ops.emplace_back(*op);
    operands.push_back(union_of());
  }
  if (ops.empty()) return std::move(operands[0]);
  std::optional<Answer> value = relation_of(std::move(operands), ops, algebra_);
  if (value) return *std::move(value);
  fail();
  return {};
}

Answer AnswerParser::union_of() {
  std::vector<Answer> parts;
  do {
    if (parts.size() >= kItemsMax) fail();
    parts.push_back(sum());
  } while (take("cup"));
  return parts.size() == 1 ? std::move(parts[0]) : of_items(Kind::union_of, std::move(parts));
}

// --- Sums, products, powers
// -----------------------------------------------------------------------

Scalar AnswerParser::scalar_of(const Answer& value) {
  if (value.kind == Kind::scalar) return value.scalar;
  fail();
  return whole(0);
}

Answer AnswerParser::sum() {
  Answer left = product();
  while (!failed_) {
    const int sign = take_sign();
    if (sign == 0) break;
    const Scalar right = scalar_of(product());
    left.scalar =
        sign > 0 ? algebra_.add(scalar_of(left), right) : algebra_.subtract(scalar_of(left), right);
  }
  return left;
}

int AnswerParser::take_sign() {
  if (take("+")) return 1;
  if (take("-")) return -1;
  const bool plus_first = peek().is("+-");
  if (!plus_first && !peek().is("-+")) return 0;
  ++at_;
  saw_sign_pair_ = true;
  return plus_first == upper_signs_ ? 1 : -1;
}

Answer AnswerParser::product() {
  Answer left = signed_power();
  while (!failed_) {
    if (peek().kind == TokenKind::words) {
      take_words(left);
    } else if (take("*")) {
      left = times(std::move(left), signed_power());
    } else if (peek().is("/") && peek(1).kind == TokenKind::words) {
      ++at_;  // of a unit: m/s
    } else if (take("/") || take(":")) {
      const Scalar right = scalar_of(signed_power());
      left.scalar = algebra_.divide(scalar_of(left), right);
    } else if (begins_factor()) {
      left = times(std::move(left), power());
    } else {
      break;
    }
  }
  return left;
}

// Words after a value are its unit (with a power, over another unit); after words they go on.
void AnswerParser::take_words(Answer& left) {
  if (left.kind == Kind::words) left.text += ' ' + peek().text;
  ++at_;
  if (take("^")) static_cast<void>(exponent());
  if (peek().is("/") && peek(1).kind == TokenKind::symbol) at_ += 2;
}

// Words before a value are its label.
Answer AnswerParser::times(Answer left, Answer right) {
  if (left.kind == Kind::words) return right;
  if (left.kind == Kind::matrix || right.kind == Kind::matrix) {
    Answer& matrix = left.kind == Kind::matrix ? left : right;
    const Scalar factor = scalar_of(left.kind == Kind::matrix ? right : left);
    for (Answer& entry : matrix.items) {
      entry.scalar = algebra_.multiply(scalar_of(entry), factor);
    }
    return std::move(matrix);
  }
  left.scalar = algebra_.multiply(scalar_of(left), scalar_of(right));
  return left;
}

bool AnswerParser::begins_factor() const {
  const Token& token = peek();
  switch (token.kind) {
    case TokenKind::symbol:
      return true;
    case TokenKind::command:
      return token.text != "end";
    case TokenKind::number:
      return tokens_[at_ - 1].kind != TokenKind::number;
    case TokenKind::op:
      return token.is("(") || token.is("[") || token.is("{") || token.is("lfloor") ||
             token.is("lceil") || (token.is("|") && bars_ == 0);
    case TokenKind::words:
    case TokenKind::end:
      return false;
  }
  return false;
}

Answer AnswerParser::signed_power() {
  const int sign = take_sign();
  if (sign == 0) return power();
  if (++depth_ > kDepthMax) fail();
  Answer value = failed_ ? Answer{} : signed_power();
  --depth_;
  if (sign > 0) return value;
  Answer minus;
  minus.scalar = whole(-1);
  return times(std::move(minus), std::move(value));
}

Answer AnswerParser::power() {
  Answer base = postfix();
  while (!failed_ && take("^")) {
    if (const std::optional<Scalar> raised = exponent()) {
      base.scalar = algebra_.power(scalar_of(base), *raised);
    } else {
      take_degrees(base);
    }
    take_suffixes(base);
  }
  return base;
}

std::optional<Scalar> AnswerParser::exponent() {
  const bool braces = peek().is("{");
  if (peek(braces ? 1 : 0).is("deg") && (!braces || peek(2).is("}"))) {
    at_ += braces ? 3 : 1;
    return std::nullopt;
  }
  return scalar_of(braces ? primary() : signed_power());
}

Answer AnswerParser::postfix() {
  const size_t begin = at_;
  Answer value = primary();
  if (!failed_ && at_ == begin + 1 && is_digits(tokens_[begin].text)) add_mixed_fraction(value);
  take_suffixes(value);
  return value;
}

// After a whole number: \frac of whole numbers, or "1/2" behind a space.
void AnswerParser::add_mixed_fraction(Answer& value) {
  if (peek().is_command("frac")) {
    size_t end = at_ + 1;
    while (tokens_[end].kind == TokenKind::number || tokens_[end].is("{") || tokens_[end].is("}")) {
      ++end;
    }
    const size_t begin = at_;
    const Answer fraction = primary();
    if (failed_) return;
    if (at_ > end) {
      at_ = begin;  // a product: 2\frac{x}{3}
    } else {
      value.scalar = algebra_.add(scalar_of(value), scalar_of(fraction));
    }
    return;
  }
  if (!is_digits(peek().text) || !peek(1).is("/") || !is_digits(peek(2).text)) return;
  const Scalar top = scalar_of(number());
  ++at_;
  const Scalar fraction = algebra_.divide(top, scalar_of(number()));
  value.scalar = algebra_.add(scalar_of(value), fraction);
}

void AnswerParser::take_suffixes(Answer& value) {
  while (!failed_) {
    if (take("!")) {
      value.scalar = algebra_.call("factorial", {scalar_of(value)});
    } else if (take("%")) {
      has_percent_ = true;
      const Scalar hundredth = algebra_.number(Rational(1, 100));
      if (options_.percent_is_hundredth) {
        value.scalar = algebra_.multiply(scalar_of(value), hundredth);
      }
    } else if (take("deg")) {
      take_degrees(value);
    } else {
      return;
    }
  }
}

void AnswerParser::take_degrees(Answer& value) {
  if (radians_ == 0) return;
  const Scalar degree = algebra_.divide(algebra_.constant(AtomKind::pi), whole(180));
  value.scalar = algebra_.multiply(scalar_of(value), degree);
}

}  // namespace hearth::math
