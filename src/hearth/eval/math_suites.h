// MATH-500, GSM8K, AIME, CMATH and MGSM in the formats of their public files. A reply is right when
// the answer found in it (eval/math/extract.h) is equivalent to the file's
// (eval/math/equivalence.h).
#pragma once

#include <span>

#include "hearth/eval/suite.h"

namespace hearth {

std::span<const Suite> math_suites();

}  // namespace hearth
