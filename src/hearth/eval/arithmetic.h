// Addition, subtraction and products of whole numbers: the held-out problems of the bundled model
// (recipes/mini), one JSON object a line with id, task, len, prompt, answer.
#pragma once

#include "hearth/eval/suite.h"

namespace hearth {

const Suite& arithmetic_suite();

}  // namespace hearth
