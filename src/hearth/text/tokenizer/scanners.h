// One linear scanner per Split. A scanner sees one piece of the split before it and nothing around
// it, as in the tokenizers package: a lookahead ends at the end of the piece.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/text/tokenizer/pre_tokenizer.h"

namespace hearth {

// Appends the ends of the pieces of chars [begin, end), begin < end.
void scan_split(Split split, std::span<const CharText::Char> chars, size_t begin, size_t end,
                std::vector<size_t>& ends);

// The expression of Split::cased_letters, made of its table of ranges.
std::string_view cased_letters_pattern();

}  // namespace hearth
