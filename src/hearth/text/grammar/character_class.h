// Sets of characters as both syntaxes write them: escapes, and [a-z] with its ranges.
#pragma once

#include <vector>

#include "hearth/text/grammar/expression.h"
#include "hearth/text/grammar/text_cursor.h"

namespace hearth::grammar {

// \d, \w, \s by their letter (ECMA-262); capitals: all others. Empty: no such letter.
std::vector<CodeRange> named_class(char letter);

// The character of \n, \r, \t and, after the backslash, x, u, U with their digits or an escaped
// punctuation mark; the cursor stands after the backslash.
Result<uint32_t> take_escaped(TextCursor& in);

// After `[`, up to and with `]`.
Result<std::vector<CodeRange>> take_class(TextCursor& in);

}  // namespace hearth::grammar
