// CHECK: an invariant of our own code, always on. A failure is a bug of Hearth, never reachable by
// input; it prints both operands and aborts. DCHECK is the same in debug builds only.
#pragma once

#include <fmt/format.h>

#include <string>
#include <type_traits>

namespace hearth::internal {

[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& operands);

template <typename T>
std::string show(const T& value) {
  if constexpr (fmt::is_formattable<T>::value) {
    return fmt::format("{}", value);
  } else if constexpr (std::is_enum_v<T>) {
    return fmt::format("{}", static_cast<long long>(value));
  } else {
    return "?";
  }
}

}  // namespace hearth::internal

#define CHECK(condition)                                                    \
  do {                                                                      \
    if (!(condition)) [[unlikely]]                                          \
      ::hearth::internal::check_failed(__FILE__, __LINE__, #condition, ""); \
  } while (0)
#define CHECK_OP_(a, op, b)                                                                \
  do {                                                                                     \
    const auto& check_a = (a);                                                             \
    const auto& check_b = (b);                                                             \
    if (!(check_a op check_b)) [[unlikely]]                                                \
      ::hearth::internal::check_failed(                                                    \
          __FILE__, __LINE__, #a " " #op " " #b,                                           \
          ::hearth::internal::show(check_a) + " vs " + ::hearth::internal::show(check_b)); \
  } while (0)
#define CHECK_EQ(a, b) CHECK_OP_(a, ==, b)
#define CHECK_NE(a, b) CHECK_OP_(a, !=, b)
#define CHECK_LT(a, b) CHECK_OP_(a, <, b)
#define CHECK_LE(a, b) CHECK_OP_(a, <=, b)
#define CHECK_GT(a, b) CHECK_OP_(a, >, b)
#define CHECK_GE(a, b) CHECK_OP_(a, >=, b)
#ifdef NDEBUG
#define DCHECK(condition) \
  do {                    \
  } while (0)
#else
#define DCHECK(condition) CHECK(condition)
#endif
