// An answer as a value: a scalar, or scalars in brackets, sets, matrices, unions and relations.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/eval/math/scalar.h"

namespace hearth::math {

struct Answer {
  enum class Kind {
    scalar,
    list,      // items separated by commas, without brackets; also both signs of ±
    set,       // items in braces
    ordered,   // items in `open` and `close`: a point, a vector or an interval
    union_of,  // intervals or sets
    matrix,    // items row by row, `columns` to a row
    relation,  // items[0] op items[1]
    words,
  };
  Kind kind = Kind::scalar;
  Scalar scalar;
  std::vector<Answer> items;
  char open = '(', close = ')';
  size_t columns = 0;
  std::string text;  // of words; the operator of a relation: one of = < <= !=
};

struct ParseOptions {
  bool join_thousands = true;        // "1,234" outside brackets is one number
  bool percent_is_hundredth = true;  // else "%" means nothing
};

struct ParsedAnswer {
  Answer value;
  bool has_percent = false;  // the other reading of "%" differs
};

// Units after a number are dropped ("5 cm" is 5), ± gives a list of two, an inequality in one
// variable becomes an interval, "1 1/2" and 1\frac{1}{2} are mixed numbers, "12_5" is in base 5,
// and an angle in degrees is its number, but in radians under a trigonometric function. corrupt:
// not an answer this grammar knows, nested too deep, or too much work.
Result<ParsedAnswer> parse_answer(std::string_view text, const ParseOptions& options);

}  // namespace hearth::math
