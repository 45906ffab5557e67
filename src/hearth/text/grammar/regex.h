// Regular expressions as JSON Schema's `pattern` and clients' `guided_regex` write them: the part
// of ECMA-262's syntax that is a regular language. Lookaround, back references, word boundaries and
// Unicode properties are refused by name.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "hearth/text/grammar/expression.h"

namespace hearth::grammar {

inline constexpr size_t kRegexBytesMax = 64 << 10;

enum class Anchoring : uint8_t {
  whole,   // the whole text matches; ^ and $ at its ends say nothing new
  search,  // the text contains a match, as `pattern` asks; ^ and $ tie it to an end
};

// How one of some characters is written: as it is, or escaped inside a JSON string.
using CharacterForm = std::function<ExprId(Grammar&, std::vector<CodeRange>)>;
ExprId plain_character(Grammar& grammar, std::vector<CodeRange> ranges);

// invalid: not a regular expression; the message says at which byte. unsupported: see above.
Result<ExprId> parse_regex(std::string_view text, Anchoring anchoring, Grammar& grammar,
                           const CharacterForm& form = plain_character);

}  // namespace hearth::grammar
