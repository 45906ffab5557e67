// Answers as people and models write them, as tokens: LaTeX and plain text, ASCII and Unicode,
// spaces and the size of brackets gone, synonyms made one (\dfrac, \leq, ≤, full-width digits).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth::math {

enum class TokenKind {
  number,   // "12", "3.5", ".5": decimal digits, thousands separators removed
  symbol,   // a variable or constant: "x", "alpha", "inf", "pi"
  command,  // a function or structure: "sin", "frac", "sqrt", "begin"
  op,       // "+", "<=", "{", "\\{" (of a set), "cup", ",", "&", "row" ...
  words,    // text, lower case
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;
  bool space_before = false;

  bool is(std::string_view op) const { return kind == TokenKind::op && text == op; }
  bool is_command(std::string_view name) const {
    return kind == TokenKind::command && text == name;
  }
};

struct LexOptions {
  bool join_thousands = true;  // "1,234" outside brackets is one number
};

// Ends with a token `end`. corrupt: longer than 4096 bytes, not UTF-8.
Result<std::vector<Token>> lex(std::string_view text, const LexOptions& options);

}  // namespace hearth::math
