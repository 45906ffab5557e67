// For tests with bounds of time.
#pragma once

namespace hearth {

// How many times as long as an optimised build another may take: bounds of time are for those that
// people run; here they only tell seconds from hours.
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
inline constexpr double kSlowness = 1;
#else
inline constexpr double kSlowness = 40;
#endif

}  // namespace hearth
