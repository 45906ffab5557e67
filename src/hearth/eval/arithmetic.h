// Addition, subtraction and products of whole numbers: the held-out problems of the bundled model
// (recipes/mini), one JSON object a line with id, task, len, prompt, answer.
#pragma once

#include <optional>

#include "hearth/eval/suite.h"

namespace hearth {

const Suite& arithmetic_suite();

// The last whole number of a text, with its sign, thousands separators removed; nullopt: none.
std::optional<std::string> last_number(std::string_view text);

}  // namespace hearth
