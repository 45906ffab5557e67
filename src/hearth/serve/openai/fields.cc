// See fields.h.
#include "hearth/serve/openai/fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hearth::serve {
namespace {

constexpr int kDepthMax = 32;
constexpr int64_t kValuesMax = 500'000;
constexpr size_t kUnaskedMax = 32;
constexpr int64_t kBytesMax = int64_t{1} << 30;  // the server's own limit comes first

}  // namespace

Fields::Fields(const Json& object, std::string place) : object_(object), place_(std::move(place)) {}

const Json* Fields::any(std::string_view key) {
  asked_.emplace(key);
  return error_ ? nullptr : json_find(object_, key);
}

void Fields::fail(std::string_view key, std::string_view code, std::string message) {
  if (error_) return;
  const std::string param = place_ + std::string(key);
  error_ = bad_field(param, std::string(code), fmt::format("`{}`: {}", param, message));
}

void Fields::wrong_type(std::string_view key, std::string_view what, const Json& found) {
  fail(key, "invalid_type", fmt::format("expected {}, found {}", what, json_excerpt(found)));
}

void Fields::boolean(std::string_view key, bool& out) {
  const Json* value = any(key);
  if (!value) return;
  if (!value->is_boolean()) return wrong_type(key, "true or false", *value);
  out = value->get<bool>();
}

void Fields::integer(std::string_view key, int64_t low, int64_t high, std::optional<int64_t>& out) {
  const Json* value = any(key);
  if (!value) return;
  if (!value->is_number()) return wrong_type(key, "an integer", *value);
  auto number = json_int(object_, key, low, high);
  if (number) {
    out = *number;
    return;
  }
  fail(key, "invalid_value",
       fmt::format("expected an integer in [{}, {}], found {}", low, high, json_excerpt(*value)));
}

void Fields::number(std::string_view key, double low, double high, std::optional<double>& out) {
  const Json* value = any(key);
  if (!value) return;
  if (!value->is_number()) return wrong_type(key, "a number", *value);
  const double number = value->get<double>();
  if (number >= low && number <= high) {
    out = number;
    return;
  }
  fail(key, "invalid_value",
       fmt::format("expected a number in [{}, {}], found {}", low, high, json_excerpt(*value)));
}

void Fields::string(std::string_view key, std::string& out) {
  const Json* value = any(key);
  if (!value) return;
  if (!value->is_string()) return wrong_type(key, "a string", *value);
  out = value->get_ref<const std::string&>();
}

void Fields::list_unasked(std::vector<std::string>& names, std::string_view place) const {
  for (const auto& [name, value] : object_.items()) {
    if (names.size() >= kUnaskedMax) return;
    if (asked_.contains(name) || value.is_null()) continue;
    std::string whole = std::string(place) + name;
    if (std::ranges::find(names, whole) == names.end()) names.push_back(std::move(whole));
  }
}

std::optional<ApiError> parse_body(std::string_view body, Json& out) {
  JsonLimits limits;
  limits.bytes_max = kBytesMax;
  limits.depth_max = kDepthMax;
  limits.values_max = kValuesMax;
  limits.refuse_duplicates = true;
  auto json = parse_json(body, limits);
  if (!json) return bad_field("", "invalid_json", "body: " + json.status().message());
  if (!json->is_object()) {
    return bad_field("", "invalid_json",
                     "body: expected a JSON object, found " + json_excerpt(*json));
  }
  out = *std::move(json);
  return std::nullopt;
}

}  // namespace hearth::serve
