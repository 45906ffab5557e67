// Overflow-checked arithmetic for sizes that come from files and requests. Every product of two
// outside numbers goes through here before it is compared with anything or allocated.
#pragma once

#include <cstdint>
#include <optional>

namespace hearth {

inline std::optional<int64_t> checked_mul(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

inline std::optional<int64_t> checked_add(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

// ceil(a / b) for a >= 0, b > 0, without overflow.
constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return a / b + (a % b != 0);
}

// Smallest multiple of `unit` that is >= a; a >= 0, unit > 0, a + unit must not overflow.
constexpr int64_t round_up(int64_t a, int64_t unit) {
  return ceil_div(a, unit) * unit;
}

}  // namespace hearth
