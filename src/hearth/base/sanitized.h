// Whether this build looks at its own memory or threads: such builds are slower and take more
// memory, which tests with bounds of either ask.
#pragma once

namespace hearth {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // gcc's names
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)  // clang's
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace hearth
