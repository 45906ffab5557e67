// Expressions by recursive descent. Precedence from loose to tight: if-else, or, and, not,
// comparisons, + -, ~, * / // %, **, unary sign, then .name [key] (call) |filter and `is` tests.
#include <algorithm>

#include "hearth/text/template/filters.h"
#include "hearth/text/template/parser_state.h"

namespace hearth::jinja {

Token ExpressionParser::take() {
  Token token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool ExpressionParser::skip_op(std::string_view op) {
  if (!is_op(op)) return false;
  take();
  return true;
}

bool ExpressionParser::skip_name(std::string_view name) {
  if (!is_name(name)) return false;
  take();
  return true;
}

Status ExpressionParser::expect_op(std::string_view op) {
  if (skip_op(op)) return Status::ok();
  return fail(fmt::format("'{}'", op));
}

Status ExpressionParser::expect_name(std::string_view name) {
  if (skip_name(name)) return Status::ok();
  return fail(fmt::format("'{}'", name));
}

Result<std::string> ExpressionParser::take_name(std::string_view what) {
  if (token().kind != TokenKind::name) return fail(what);
  return take().text;
}

Status ExpressionParser::fail(std::string_view expected) const {
  const Token& found = token();
  const std::string text = found.kind == TokenKind::end    ? "the end of the template"
                           : found.kind == TokenKind::data ? "text"
                                                           : fmt::format("'{:.40}'", found.text);
  return fail_at(found.line, fmt::format("expected {}, found {}", expected, text));
}

Status ExpressionParser::fail_at(int line, std::string message) const {
  return error(Code::invalid, "line {}: {}", line, message);
}

Status ExpressionParser::nesting_left() const {
  if (nesting_ < nesting_max_) return Status::ok();
  return fail_at(token().line, fmt::format("nested more than {} levels deep", nesting_max_));
}

template <typename Node>
Result<ExprPtr> ExpressionParser::make(int line, int child_depth, Node node) const {
  if (child_depth >= nesting_max_) {
    return fail_at(line, fmt::format("nested more than {} levels deep", nesting_max_));
  }
  auto expr = std::make_unique<Expr>();
  expr->line = line;
  expr->depth = child_depth + 1;
  expr->node = std::move(node);
  return expr;
}

Result<ExprPtr> ExpressionParser::parse_expression(bool with_if) {
  TRY(nesting_left());
  const Deeper deeper(*this);
  const bool outer_soft = unknown_may_stay_;
  TRY_ASSIGN(ExprPtr value, parse_logical(false));
  while (with_if && is_name("if")) {
    // Filters of the value itself were checked strictly; a template that needs an unknown one
    // there is better refused at load.
    const int line = take().line;
    unknown_may_stay_ = true;
    TRY_ASSIGN(ExprPtr condition, parse_logical(false));
    ExprPtr otherwise;
    if (skip_name("else")) {
      TRY_ASSIGN(otherwise, parse_expression(true));
    }
    unknown_may_stay_ = outer_soft;
    const int depth = std::max({value->depth, condition->depth, otherwise ? otherwise->depth : 0});
    TRY_ASSIGN(value,
               make(line, depth,
                    Conditional{std::move(condition), std::move(value), std::move(otherwise)}));
  }
  return value;
}

Result<ExprPtr> ExpressionParser::parse_logical(bool is_and) {
  TRY_ASSIGN(ExprPtr left, is_and ? parse_not() : parse_logical(true));
  while (is_name(is_and ? "and" : "or")) {
    const int line = take().line;
    TRY_ASSIGN(ExprPtr right, is_and ? parse_not() : parse_logical(true));
    const int depth = std::max(left->depth, right->depth);
    TRY_ASSIGN(left, make(line, depth, Logical{is_and, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::parse_not() {
  if (!is_name("not")) return parse_comparison();
  TRY(nesting_left());
  const Deeper deeper(*this);
  const int line = take().line;
  TRY_ASSIGN(ExprPtr operand, parse_not());
  const int depth = operand->depth;
  return make(line, depth, Not{std::move(operand)});
}

Result<ExprPtr> ExpressionParser::parse_comparison() {
  constexpr std::pair<std::string_view, CompareOp> kOps[] = {
      {"==", CompareOp::eq}, {"!=", CompareOp::ne}, {"<", CompareOp::lt},
      {"<=", CompareOp::le}, {">", CompareOp::gt},  {">=", CompareOp::ge}};
  const int line = token().line;
  TRY_ASSIGN(ExprPtr first, parse_binary(0));
  int depth = first->depth;
  Comparison comparison;
  while (true) {
    std::optional<CompareOp> op;
    for (const auto& [text, candidate] : kOps) {
      if (is_op(text)) op = candidate;
    }
    const bool negated = is_name("not") && ahead().kind == TokenKind::name && ahead().text == "in";
    if (negated) take();
    if (is_name("in")) op = negated ? CompareOp::not_in : CompareOp::in;
    if (!op.has_value()) break;
    take();
    TRY_ASSIGN(ExprPtr operand, parse_binary(0));
    depth = std::max(depth, operand->depth);
    comparison.rest.emplace_back(*op, std::move(operand));
  }
  if (comparison.rest.empty()) return first;
  comparison.first = std::move(first);
  return make(line, depth, std::move(comparison));
}

// Level 0: + and -; 1: * / // %; 2: **. Between 0 and 1 stands ~. All group to the left, even **.
Result<ExprPtr> ExpressionParser::parse_binary(int level) {
  constexpr std::pair<std::string_view, BinaryOp> kOps[3][4] = {
      {{"+", BinaryOp::add}, {"-", BinaryOp::subtract}},
      {{"*", BinaryOp::multiply},
       {"/", BinaryOp::divide},
       {"//", BinaryOp::floor_divide},
       {"%", BinaryOp::modulo}},
      {{"**", BinaryOp::power}}};
  const auto operand = [&] {
    return level == 0 ? parse_concat() : level == 1 ? parse_binary(2) : parse_unary(true);
  };
  TRY_ASSIGN(ExprPtr left, operand());
  while (true) {
    std::optional<BinaryOp> op;
    for (const auto& [text, candidate] : kOps[level]) {
      if (!text.empty() && is_op(text)) op = candidate;
    }
    if (!op.has_value()) return left;
    const int line = take().line;
    TRY_ASSIGN(ExprPtr right, operand());
    const int depth = std::max(left->depth, right->depth);
    TRY_ASSIGN(left, make(line, depth, Binary{*op, std::move(left), std::move(right)}));
  }
}

Result<ExprPtr> ExpressionParser::parse_concat() {
  const int line = token().line;
  TRY_ASSIGN(ExprPtr first, parse_binary(1));
  if (!is_op("~")) return first;
  int depth = first->depth;
  Concat concat;
  concat.parts.push_back(std::move(first));
  while (skip_op("~")) {
    TRY_ASSIGN(ExprPtr part, parse_binary(1));
    depth = std::max(depth, part->depth);
    concat.parts.push_back(std::move(part));
  }
  return make(line, depth, std::move(concat));
}

Result<ExprPtr> ExpressionParser::parse_unary(bool with_filters) {
  TRY(nesting_left());
  const Deeper deeper(*this);
  const int line = token().line;
  ExprPtr value;
  if (is_op("-") || is_op("+")) {
    const bool negative = take().text == "-";
    TRY_ASSIGN(ExprPtr operand, parse_unary(false));
    const int depth = operand->depth;
    TRY_ASSIGN(value, make(line, depth, Sign{negative, std::move(operand)}));
  } else {
    TRY_ASSIGN(value, parse_primary());
  }
  TRY_ASSIGN(value, parse_postfix(std::move(value)));
  while (with_filters) {
    if (is_op("|")) {
      take();
      TRY_ASSIGN(value, parse_filter(std::move(value)));
    } else if (is_name("is")) {
      TRY_ASSIGN(value, parse_test(std::move(value)));
    } else if (is_op("(")) {
      TRY_ASSIGN(value, parse_call(std::move(value)));
    } else {
      break;
    }
  }
  return value;
}

Result<ExprPtr> ExpressionParser::parse_primary() {
  const Token& next = token();
  const int line = next.line;
  switch (next.kind) {
    case TokenKind::name:
      return parse_name();
    case TokenKind::string: {
      std::string text = take().text;
      while (token().kind == TokenKind::string) text += take().text;
      return make(line, 0, Constant{Value::literal(text)});
    }
    case TokenKind::integer:
      return make(line, 0, Constant{Value::integer(take().integer)});
    case TokenKind::real:
      return make(line, 0, Constant{Value::real(take().real)});
    default:
      break;
  }
  if (skip_op("(")) {
    TRY_ASSIGN(ExprPtr inner, parse_tuple(true, "", true));
    TRY(expect_op(")"));
    return inner;
  }
  if (is_op("[")) return parse_list();
  if (is_op("{")) return parse_dict();
  return fail("an expression");
}

Result<ExprPtr> ExpressionParser::parse_name() {
  const Token name = take();
  const std::string& text = name.text;
  if (text == "true" || text == "True") return make(name.line, 0, Constant{Value::boolean(true)});
  if (text == "false" || text == "False") {
    return make(name.line, 0, Constant{Value::boolean(false)});
  }
  if (text == "none" || text == "None") return make(name.line, 0, Constant{Value::none()});
  if (macro_ != nullptr) {
    macro_->uses_varargs |= text == "varargs";
    macro_->uses_kwargs |= text == "kwargs";
    macro_->uses_caller |= text == "caller";
  }
  return make(name.line, 0, Name{text});
}

bool ExpressionParser::at_tuple_end(std::string_view end_name) const {
  const TokenKind kind = token().kind;
  return kind == TokenKind::variable_end || kind == TokenKind::block_end || is_op(")") ||
         (!end_name.empty() && is_name(end_name));
}

Result<ExprPtr> ExpressionParser::parse_tuple(bool with_if, std::string_view end_name,
                                              bool may_be_empty) {
  const int line = token().line;
  int depth = 0;
  bool is_tuple = false;
  std::vector<ExprPtr> elements;
  while (!at_tuple_end(end_name)) {
    TRY_ASSIGN(ExprPtr element, parse_expression(with_if));
    depth = std::max(depth, element->depth);
    elements.push_back(std::move(element));
    if (!skip_op(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && elements.size() == 1) return std::move(elements[0]);
  if (elements.empty() && !may_be_empty) return fail("an expression");
  return make(line, depth, ListDisplay{List::Kind::tuple, std::move(elements)});
}

Result<ExprPtr> ExpressionParser::parse_list() {
  const int line = take().line;
  int depth = 0;
  std::vector<ExprPtr> elements;
  while (!is_op("]")) {
    TRY_ASSIGN(ExprPtr element, parse_expression());
    depth = std::max(depth, element->depth);
    elements.push_back(std::move(element));
    if (!skip_op(",")) break;
  }
  TRY(expect_op("]"));
  return make(line, depth, ListDisplay{List::Kind::list, std::move(elements)});
}

Result<ExprPtr> ExpressionParser::parse_dict() {
  const int line = take().line;
  int depth = 0;
  DictDisplay dict;
  while (!is_op("}")) {
    TRY_ASSIGN(ExprPtr key, parse_expression());
    TRY(expect_op(":"));
    TRY_ASSIGN(ExprPtr value, parse_expression());
    depth = std::max({depth, key->depth, value->depth});
    dict.entries.emplace_back(std::move(key), std::move(value));
    if (!skip_op(",")) break;
  }
  TRY(expect_op("}"));
  return make(line, depth, std::move(dict));
}

Result<ExprPtr> ExpressionParser::parse_postfix(ExprPtr value) {
  while (true) {
    if (is_op(".")) {
      TRY_ASSIGN(value, parse_attribute(std::move(value)));
    } else if (is_op("[")) {
      TRY_ASSIGN(value, parse_subscript(std::move(value)));
    } else if (is_op("(")) {
      TRY_ASSIGN(value, parse_call(std::move(value)));
    } else {
      return value;
    }
  }
}

Result<ExprPtr> ExpressionParser::parse_attribute(ExprPtr object) {
  const int line = take().line;
  const int depth = object->depth;
  if (token().kind == TokenKind::integer) {  // a.0 is a[0]
    TRY_ASSIGN(ExprPtr key, make(line, 0, Constant{Value::integer(take().integer)}));
    return make(line, depth, Subscript{std::move(object), std::move(key)});
  }
  TRY_ASSIGN(std::string name, take_name("a name or number behind '.'"));
  return make(line, depth, Attribute{std::move(object), std::move(name)});
}

Result<ExprPtr> ExpressionParser::parse_subscript(ExprPtr object) {
  const int line = take().line;
  int depth = object->depth;
  ExprPtr bounds[3];
  bool is_slice = false;
  for (int i = 0; i < 3; ++i) {
    if (!is_op(":") && !is_op("]")) {
      TRY_ASSIGN(bounds[i], parse_expression());
      depth = std::max(depth, bounds[i]->depth);
    }
    if (i == 2 || !skip_op(":")) break;
    is_slice = true;
  }
  if (is_op(",")) {
    return fail_at(line, "several subscripts in one pair of brackets are not supported");
  }
  TRY(expect_op("]"));
  if (is_slice) {
    return make(line, depth,
                SliceOf{std::move(object), std::move(bounds[0]), std::move(bounds[1]),
                        std::move(bounds[2])});
  }
  if (bounds[0] == nullptr) return fail_at(line, "expected a subscript, found ']'");
  return make(line, depth, Subscript{std::move(object), std::move(bounds[0])});
}

Status ExpressionParser::parse_argument(Arguments& arguments, int& depth) {
  const bool is_named = token().kind == TokenKind::name && is_op(ahead(), "=");
  const Token first = token();
  if (skip_op("**")) {
    if (arguments.double_starred != nullptr) return fail("one ** argument");
    TRY_ASSIGN(arguments.double_starred, parse_expression());
    depth = std::max(depth, arguments.double_starred->depth);
    return Status::ok();
  }
  if (arguments.double_starred != nullptr) return fail("')' behind the ** argument");
  if (skip_op("*")) {
    if (arguments.starred != nullptr) return fail("one * argument");
    TRY_ASSIGN(arguments.starred, parse_expression());
    depth = std::max(depth, arguments.starred->depth);
    return Status::ok();
  }
  if (is_named) {
    take();
    take();
  } else if (!arguments.named.empty() || arguments.starred != nullptr) {
    return fail("a keyword argument");
  }
  TRY_ASSIGN(ExprPtr value, parse_expression());
  depth = std::max(depth, value->depth);
  if (is_named) {
    for (const auto& [name, unused] : arguments.named) {
      if (name == first.text)
        return fail_at(first.line, fmt::format("keyword argument '{}' repeated", name));
    }
    arguments.named.emplace_back(first.text, std::move(value));
  } else {
    arguments.positional.push_back(std::move(value));
  }
  return Status::ok();
}

Result<Arguments> ExpressionParser::parse_arguments(int& depth) {
  TRY(expect_op("("));
  Arguments arguments;
  while (!is_op(")")) {
    TRY(parse_argument(arguments, depth));
    if (!skip_op(",")) break;
  }
  TRY(expect_op(")"));
  return arguments;
}

Result<ExprPtr> ExpressionParser::parse_call(ExprPtr callee) {
  const int line = token().line;
  int depth = callee->depth;
  TRY_ASSIGN(Arguments arguments, parse_arguments(depth));
  return make(line, depth, Call{std::move(callee), std::move(arguments)});
}

Result<std::string> ExpressionParser::parse_dotted_name() {
  TRY_ASSIGN(std::string name, take_name("a name"));
  while (skip_op(".")) {
    TRY_ASSIGN(const std::string part, take_name("a name"));
    name += "." + part;
  }
  return name;
}

Result<ExprPtr> ExpressionParser::parse_filter(ExprPtr input) {
  const int line = token().line;
  TRY_ASSIGN(std::string name, parse_dotted_name());
  if (is_refused_filter(name) || (find_filter(name) == nullptr && !unknown_may_stay_)) {
    return fail_at(line, fmt::format("the filter '{}' is not supported", name));
  }
  int depth = input != nullptr ? input->depth : 0;
  Arguments arguments;
  if (is_op("(")) {
    TRY_ASSIGN(arguments, parse_arguments(depth));
  }
  return make(line, depth, FilterUse{std::move(input), std::move(name), std::move(arguments)});
}

Result<ExprPtr> ExpressionParser::parse_filter_chain(ExprPtr input, bool first_without_pipe) {
  while (first_without_pipe || skip_op("|")) {
    first_without_pipe = false;
    TRY_ASSIGN(input, parse_filter(std::move(input)));
  }
  return input;
}

bool ExpressionParser::starts_test_argument() const {
  switch (token().kind) {
    case TokenKind::name:
      return !is_name("else") && !is_name("or") && !is_name("and");
    case TokenKind::string:
    case TokenKind::integer:
    case TokenKind::real:
      return true;
    default:
      return is_op("[") || is_op("{");
  }
}

Result<ExprPtr> ExpressionParser::parse_test(ExprPtr input) {
  const int line = take().line;
  const bool negated = skip_name("not");
  TRY_ASSIGN(std::string name, parse_dotted_name());
  if (find_test(name) == nullptr && !unknown_may_stay_) {
    return fail_at(line, fmt::format("the test '{}' is not supported", name));
  }
  int depth = input->depth;
  Arguments arguments;
  if (is_op("(")) {
    TRY_ASSIGN(arguments, parse_arguments(depth));
  } else if (starts_test_argument()) {
    if (is_name("is")) return fail_at(line, "tests with 'is' cannot be chained");
    TRY_ASSIGN(ExprPtr argument, parse_primary());
    TRY_ASSIGN(argument, parse_postfix(std::move(argument)));
    depth = std::max(depth, argument->depth);
    arguments.positional.push_back(std::move(argument));
  }
  TRY_ASSIGN(ExprPtr test,
             make(line, depth, TestUse{std::move(input), std::move(name), std::move(arguments)}));
  if (!negated) return test;
  const int test_depth = test->depth;
  return make(line, test_depth, Not{std::move(test)});
}

}  // namespace hearth::jinja
