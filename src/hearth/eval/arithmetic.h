// Addition, subtraction and products of whole numbers: the held-out problems of the bundled model
// (recipes/mini), one JSON object a line with id, task, len, prompt, answer. Where lines say how
// many columns carry (carries), the score is also a table of task and carries.
#pragma once

#include "hearth/eval/suite.h"

namespace hearth {

const Suite& arithmetic_suite();

}  // namespace hearth
