// Cuts a template into tokens with Jinja's rules for white space: trim_blocks, lstrip_blocks, the
// signs - and + at tags, one trailing newline dropped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/text/template/value.h"

namespace hearth::jinja {

enum class TokenKind {
  data,  // text between tags
  block_begin,
  block_end,
  variable_begin,
  variable_end,
  name,
  string,
  integer,
  real,
  op,  // the operator's own characters are in `text`
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  int line = 1;
  std::string text;  // data, name, operator, or the string's value after its escapes
  Int integer = 0;
  double real = 0;
};

// The last token is `end`. Errors begin with "line N".
Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace hearth::jinja
