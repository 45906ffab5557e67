// Fields: reads a JSON object field by field. The first wrong field is kept as an ApiError that
// names it; after that reads do nothing, so that a reader of many fields is a plain list. Fields
// that nobody asked for are listed as ignored.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/files/json.h"
#include "hearth/serve/api_error.h"

namespace hearth::serve {

class Fields {
 public:
  // `object` must outlive this. `place` goes before names in errors: "stream_options.".
  explicit Fields(const Json& object, std::string place = "");

  // Absent and null leave `out` as it is.
  void boolean(std::string_view key, bool& out);
  void integer(std::string_view key, int64_t low, int64_t high, std::optional<int64_t>& out);
  void number(std::string_view key, double low, double high, std::optional<double>& out);
  void string(std::string_view key, std::string& out);
  // The value as it is; nullptr: absent or null.
  const Json* any(std::string_view key);
  void fail(std::string_view key, std::string_view code, std::string message);
  // "expected WHAT, found VALUE"
  void wrong_type(std::string_view key, std::string_view what, const Json& found);
  const std::optional<ApiError>& error() const { return error_; }
  // Adds the members that say something and that no call above asked for: each name once, a few
  // dozen at most. `place` goes before them: "messages.".
  void list_unasked(std::vector<std::string>& names, std::string_view place = "") const;

 private:
  const Json& object_;
  std::string place_;
  std::set<std::string, std::less<>> asked_;
  std::optional<ApiError> error_;
};

// The body as one JSON object: 400 for what is none, duplicate keys and deep nesting included.
std::optional<ApiError> parse_body(std::string_view body, Json& out);

}  // namespace hearth::serve
