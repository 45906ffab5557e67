// Status and Result: how Hearth reports what the outside world did wrong (files, configs, text,
// network, devices). The message says where, what was expected, what was found. Our own bugs are
// CHECKs (base/check.h); no exception crosses a folder.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "hearth/base/check.h"

namespace hearth {

enum class Code {
  ok,
  invalid,      // the caller's input is wrong (flag, prompt, parameter)
  not_found,    // a named thing does not exist
  corrupt,      // bytes do not follow their format
  unsupported,  // well-formed, but beyond what Hearth does
  no_memory,    // does not fit; the message says what would
  busy,         // try again later
  cancelled,    // the user stopped it
  internal,     // a device or a library failed
};

std::string_view code_name(Code code);

// A code and one line of text; `ok` carries no text. Cheap to move.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok() { return {}; }
  bool is_ok() const { return code_ == Code::ok; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  // Puts the place before the message: status.at("model.safetensors").
  Status at(std::string_view place) && {
    if (!is_ok()) message_ = fmt::format("{}: {}", place, message_);
    return std::move(*this);
  }

 private:
  Code code_ = Code::ok;
  std::string message_;
};

template <typename... Args>
Status error(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return {code, fmt::format(format, std::forward<Args>(args)...)};
}

// A value or the Status that says why there is none. Names follow std::expected (C++23).
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}        // NOLINT: implicit
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {  // NOLINT: implicit
    CHECK(!std::get<1>(state_).is_ok());
  }

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    CHECK(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Status& status() const& {
    CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  Status&& status() && {
    CHECK(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Status> state_;
};

namespace internal {
inline Status to_status(Status&& s) {
  return std::move(s);
}
template <typename T>
Status to_status(Result<T>&& r) {
  return std::move(r).status();
}
inline bool succeeded(const Status& s) {
  return s.is_ok();
}
template <typename T>
bool succeeded(const Result<T>& r) {
  return r.has_value();
}
}  // namespace internal

}  // namespace hearth

// TRY(expr) returns early with the Status of a failed Status or Result.
// TRY_ASSIGN(auto x, expr) also binds the value of a Result.
#define TRY(expr)                                                  \
  do {                                                             \
    auto try_result = (expr);                                      \
    if (!::hearth::internal::succeeded(try_result))                \
      return ::hearth::internal::to_status(std::move(try_result)); \
  } while (0)
#define HEARTH_CONCAT_(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_(a, b)
#define TRY_ASSIGN_(result, lhs, expr)                                              \
  auto result = (expr);                                                             \
  if (!result.has_value()) return ::hearth::internal::to_status(std::move(result)); \
  lhs = std::move(result).value()
#define TRY_ASSIGN(lhs, expr) TRY_ASSIGN_(HEARTH_CONCAT(try_result_, __LINE__), lhs, expr)
