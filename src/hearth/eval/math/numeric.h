// The last resort where forms can't decide (nested roots, functions, symbolic exponents): values to
// fifty digits, variables at fixed points.
#pragma once

#include "hearth/eval/math/scalar.h"

namespace hearth::math {

// True when both agree to 30 digits at three points. A value that can't be worked out (an unknown
// function, an overflow, too much work) agrees with nothing.
bool agree_numerically(const Scalar& a, const Scalar& b);

}  // namespace hearth::math
