// JSON from outside: parsed within limits, without exceptions, and read by accessors whose errors
// name the key, what was expected and what was found. Objects keep the order of the file; lookup is
// linear, so walk a large object (a vocabulary, a weight map) instead of asking it key by key.
// Who uses Json's members includes <nlohmann/json.hpp>; its throwing accessors stay out of reach of
// input: ask is_*() first or use the functions below.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "hearth/base/status.h"

namespace hearth {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  int64_t bytes_max = 16 << 20;
  int depth_max = 64;
  int64_t values_max = 4'000'000;  // a value takes up to 30 times its text in memory
  bool refuse_duplicates = false;  // else the last of equal keys wins
};

// corrupt: not JSON, invalid UTF-8, a number beyond double; or beyond a limit.
Result<Json> parse_json(std::string_view text, JsonLimits limits = {});
// The same for a file; errors begin with its path.
Result<Json> read_json_file(const std::string& path, JsonLimits limits = {});

// The value of `key`, or nullptr when `object` is no object or the key is absent or null.
const Json* json_find(const Json& object, std::string_view key);

// Errors (Code::corrupt) read "`key`: expected an integer in [1, 512], found "x""; the caller puts
// the file before them with Status::at. The _or forms give `fallback` for an absent or null key,
// and still refuse a value of the wrong kind.
Result<int64_t> json_int(const Json& object, std::string_view key, int64_t lo, int64_t hi);
Result<int64_t> json_int_or(const Json& object, std::string_view key, int64_t fallback, int64_t lo,
                            int64_t hi);
Result<double> json_number(const Json& object, std::string_view key, double lo, double hi);
Result<double> json_number_or(const Json& object, std::string_view key, double fallback, double lo,
                              double hi);
Result<bool> json_bool(const Json& object, std::string_view key);
Result<bool> json_bool_or(const Json& object, std::string_view key, bool fallback);
Result<std::string> json_string(const Json& object, std::string_view key);
Result<std::string> json_string_or(const Json& object, std::string_view key,
                                   std::string_view fallback);
Result<const Json*> json_object(const Json& object, std::string_view key);
Result<const Json*> json_array(const Json& object, std::string_view key);

// A value as shown in an error: its text, cut to a few dozen characters.
std::string json_excerpt(const Json& value);

}  // namespace hearth
