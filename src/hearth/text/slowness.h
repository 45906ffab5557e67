// For tests with bounds of time.
#pragma once

#include "hearth/base/sanitized.h"

namespace hearth {

// How many times as long as an optimised build another may take: bounds of time are for those that
// people run; here they only tell seconds from hours.
#ifdef NDEBUG
inline constexpr double kSlowness = kSanitized ? 40 : 1;
#else
inline constexpr double kSlowness = 40;
#endif

}  // namespace hearth
