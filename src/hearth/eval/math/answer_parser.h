// The parser behind parse_answer: recursive descent over the lexer's tokens, values worked out as
// they are read. Its members lie in answer_parser.cc (lists to powers) and answer_primary.cc.
//   list     = item {"," item}                       item = relation, twice where it has a ±
//   relation = union {("=" | "<" | "in" ...) union}  union = sum {"cup" sum}
//   sum      = product {("+" | "-") product}         product = signed {["*" | "/"] power | words}
//   power    = postfix {"^" exponent}                postfix = primary {"!" | "%" | "deg"}
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/eval/math/answer.h"
#include "hearth/eval/math/latex_lexer.h"

namespace hearth::math {

class AnswerParser {
 public:
  AnswerParser(std::vector<Token> tokens, const ParseOptions& options)
      : tokens_(std::move(tokens)), options_(options) {}
  Result<ParsedAnswer> run();

 private:
  const Token& peek(size_t ahead = 0) const;
  bool take(std::string_view op);
  void expect(std::string_view op);
  void fail();  // sticky; every loop stops, for the next token is `end`

  enum class Signs { both, one };  // both: an item with ± stands for two
  Answer list(Signs signs);
  void item(Signs signs, std::vector<Answer>& items);
  Answer relation();
  Answer union_of();

  Answer sum();
  Answer product();
  Answer signed_power();
  Answer power();
  std::optional<Scalar> exponent();  // nullopt: the ring of degrees
  Answer postfix();
  Answer times(Answer left, Answer right);
  int take_sign();  // +1, -1 and past it, or 0: none stands here
  void take_words(Answer& left);
  bool begins_factor() const;
  void take_suffixes(Answer& value);
  void take_degrees(Answer& value);
  void add_mixed_fraction(Answer& value);

  Answer primary();
  Answer number();
  Answer symbol();
  Answer command();
  Answer bracketed();
  Answer group();
  Answer set();
  Answer between(std::string_view close, std::string_view function);
  Answer root();
  Answer pair(std::string_view function);
  Answer matrix();
  Answer function(const std::string& name);
  Scalar argument();
  Scalar scalar_of(const Answer& value);
  Scalar whole(int64_t value) const { return algebra_.number(Rational(value)); }
  std::string subscript();

  std::vector<Token> tokens_;
  ParseOptions options_;
  Algebra algebra_;
  size_t at_ = 0;
  int depth_ = 0;
  int bars_ = 0;     // inside |...|, where a bar closes
  int radians_ = 0;  // inside the argument of a trigonometric function
  bool failed_ = false;
  bool saw_sign_pair_ = false;
  int sign_pairs_ = 0;
  bool upper_signs_ = true;  // which sign of ± this reading takes
  bool has_percent_ = false;
};

}  // namespace hearth::math
