// What the two halves of the parser, statements (parser.cc) and expressions
// (expression_parser.cc), share: the place in the tokens, the depth, the names that a macro reads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/text/template/ast.h"
#include "hearth/text/template/lexer.h"

namespace hearth::jinja {

class ExpressionParser {
 public:
  ExpressionParser(std::vector<Token> tokens, int nesting_max)
      : tokens_(std::move(tokens)), nesting_max_(nesting_max) {}

 protected:
  // expression [if condition [else expression]]; without_if for places where "if" means another.
  Result<ExprPtr> parse_expression(bool with_if = true);
  // One expression, or a tuple where commas follow; ends before `end_name` if one is given.
  Result<ExprPtr> parse_tuple(bool with_if, std::string_view end_name, bool may_be_empty);
  Result<ExprPtr> parse_postfix(ExprPtr object);
  Result<ExprPtr> parse_filter_chain(ExprPtr input, bool first_without_pipe);

  const Token& token() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token take();
  bool is_op(std::string_view op) const { return is_op(token(), op); }
  bool is_name(std::string_view name) const {
    return token().kind == TokenKind::name && token().text == name;
  }
  bool skip_op(std::string_view op);
  bool skip_name(std::string_view name);
  Status expect_op(std::string_view op);
  Status expect_name(std::string_view name);
  Result<std::string> take_name(std::string_view what);
  Status fail(std::string_view expected) const;
  Status fail_at(int line, std::string message) const;

  // One level deeper for as long as the object lives; check `nesting_left` first.
  class Deeper {
   public:
    explicit Deeper(ExpressionParser& parser) : parser_(parser) { ++parser_.nesting_; }
    ~Deeper() { --parser_.nesting_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    ExpressionParser& parser_;
  };
  Status nesting_left() const;

  // Unknown filters and tests are errors at load, but for those directly under an if (the
  // reference lets templates ask "is filter defined" that way): they fail when they run.
  bool unknown_may_stay_ = false;
  // Which of varargs, kwargs, caller the macro being parsed reads.
  MacroDefinition* macro_ = nullptr;

 private:
  static bool is_op(const Token& token, std::string_view op) {
    return token.kind == TokenKind::op && token.text == op;
  }
  template <typename Node>
  Result<ExprPtr> make(int line, int child_depth, Node node) const;

  Result<ExprPtr> parse_binary(int level);
  Result<ExprPtr> parse_logical(bool is_and);
  Result<ExprPtr> parse_not();
  Result<ExprPtr> parse_comparison();
  Result<ExprPtr> parse_concat();
  Result<ExprPtr> parse_unary(bool with_filters);
  Result<ExprPtr> parse_primary();
  Result<ExprPtr> parse_name();
  Result<ExprPtr> parse_list();
  Result<ExprPtr> parse_dict();
  Result<ExprPtr> parse_attribute(ExprPtr object);
  Result<ExprPtr> parse_subscript(ExprPtr object);
  Result<ExprPtr> parse_call(ExprPtr callee);
  Result<Arguments> parse_arguments(int& depth);
  Status parse_argument(Arguments& arguments, int& depth);
  Result<ExprPtr> parse_filter(ExprPtr input);
  Result<ExprPtr> parse_test(ExprPtr input);
  Result<std::string> parse_dotted_name();
  bool at_tuple_end(std::string_view end_name) const;
  bool starts_test_argument() const;

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
  int nesting_max_;
};

}  // namespace hearth::jinja
