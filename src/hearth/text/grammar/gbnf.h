// GBNF, the grammar files of llama.cpp: `name ::= alternatives`, with literals, character classes,
// groups, repetitions and comments. The rule `root` matches the whole answer. Rules over token ids
// (<[123]>) are refused: they depend on a vocabulary.
// Syntax: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
#pragma once

#include <string_view>

#include "hearth/text/grammar/expression.h"

namespace hearth::grammar {

inline constexpr size_t kGbnfBytesMax = 1 << 20;

// invalid: the message says at which byte, or which rule is missing. unsupported: see above.
Result<Grammar> parse_gbnf(std::string_view text);

}  // namespace hearth::grammar
