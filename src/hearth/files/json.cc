// The one file that calls nlohmann's parser: as a stream of events, so that depth, count and
// duplicate keys are checked while the value is built, and nothing is thrown.
#include "hearth/files/json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "hearth/base/mapped_file.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

using Members = std::vector<std::pair<const std::string, Json>>;

// ordered_map looks up each key before it appends; its base, the vector, does not.
Members& members(Json& object) {
  return object.get_ref<Json::object_t&>();
}

class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }  // JSON text has none

  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool key(std::string& name) override {
    key_ = std::move(name);
    return true;
  }
  bool end_object() override {
    Json& object = *stack_.back();
    stack_.pop_back();
    return drop_duplicates(members(object));
  }
  bool end_array() override {
    stack_.pop_back();
    return true;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& cause) override {
    std::string_view what = cause.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ..."
    if (const size_t found = what.find(": "); found != what.npos) what.remove_prefix(found + 2);
    return fail(fmt::format("not JSON at byte {}: {}", position, excerpt(what, 120)));
  }

  Status status() const { return {Code::corrupt, error_}; }
  Json take() { return std::move(root_); }

 private:
  bool fail(std::string message) {
    error_ = std::move(message);
    return false;
  }

  Json* place(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.get_ref<Json::array_t&>().push_back(std::move(value));
      return &parent.get_ref<Json::array_t&>().back();
    }
    members(parent).emplace_back(std::move(key_), std::move(value));
    return &members(parent).back().second;
  }

  // Pointers on the stack stay valid: a container grows only while it is the top.
  bool open(Json container) {
    if (stack_.size() >= static_cast<size_t>(limits_.depth_max)) {
      return fail(fmt::format("expected a nesting of at most {}, found more", limits_.depth_max));
    }
    if (!counted()) return false;
    stack_.push_back(place(std::move(container)));
    return true;
  }

  template <typename T>
  bool add(T&& value) {
    if (!counted()) return false;
    place(Json(std::forward<T>(value)));
    return true;
  }

  bool counted() {
    if (++values_ <= limits_.values_max) return true;
    return fail(fmt::format("expected at most {} values, found more", limits_.values_max));
  }

  bool drop_duplicates(Members& object) {
    std::vector<size_t> order(object.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return object[a].first < object[b].first; });
    std::vector<bool> replaced(object.size(), false);
    bool any = false;
    for (size_t i = 0; i + 1 < order.size(); ++i) {
      if (object[order[i]].first != object[order[i + 1]].first) continue;
      if (limits_.refuse_duplicates) {
        return fail(fmt::format("the key `{}` stands twice", excerpt(object[order[i]].first)));
      }
      replaced[order[i]] = any = true;  // the later one wins
    }
    if (!any) return true;
    Members kept;
    for (size_t i = 0; i < object.size(); ++i) {
      if (!replaced[i]) kept.emplace_back(object[i].first, std::move(object[i].second));
    }
    object.swap(kept);
    return true;
  }

  const JsonLimits limits_;
  Json root_;
  std::vector<Json*> stack_;
  std::string key_;
  int64_t values_ = 0;
  std::string error_ = "not JSON";
};

Status expected(std::string_view key, std::string_view what, const Json& object) {
  const Json* found = nullptr;
  if (object.is_object()) {
    const auto at = object.find(key);
    if (at != object.end()) found = &*at;
  }
  return error(Code::corrupt, "`{}`: expected {}, found {}", excerpt(key), what,
               found ? json_excerpt(*found) : "nothing");
}

// An integer, also one written as 8192.0.
std::optional<int64_t> as_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number_float()) {
    const double number = value.get<double>();
    constexpr double kExact = 9007199254740992.0;  // 2^53
    if (number == std::floor(number) && std::abs(number) <= kExact) {
      return static_cast<int64_t>(number);
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  if (static_cast<int64_t>(text.size()) > limits.bytes_max) {
    return error(Code::corrupt, "expected at most {} bytes of JSON, found {}", limits.bytes_max,
                 text.size());
  }
  if (text.empty()) return error(Code::corrupt, "expected JSON, found nothing");
  // The parser takes a NUL for the end, whatever follows.
  if (const size_t nul = text.find('\0'); nul != text.npos) {
    return error(Code::corrupt, "not JSON at byte {}: a NUL", nul);
  }
  Builder builder(limits);
  if (!Json::sax_parse(text, &builder, Json::input_format_t::json, /*strict=*/true)) {
    return builder.status();
  }
  return builder.take();
}

Result<Json> read_json_file(const std::string& path, JsonLimits limits) {
  TRY_ASSIGN(const std::string text, read_file(path, limits.bytes_max));
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  if (const std::string_view found = describe_content(bytes); !found.empty()) {
    return error(Code::corrupt, "{}: expected JSON, found {}", path, found);
  }
  auto json = parse_json(text, limits);
  if (!json) return std::move(json).status().at(path);
  return json;
}

const Json* json_find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::string json_excerpt(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return fmt::format("an array of {}", value.size());
  if (value.is_string()) return fmt::format("\"{}\"", excerpt(value.get_ref<const std::string&>()));
  return value.dump();
}

Result<int64_t> json_int(const Json& object, std::string_view key, int64_t lo, int64_t hi) {
  const Json* value = json_find(object, key);
  const auto number = value ? as_integer(*value) : std::nullopt;
  if (!number || *number < lo || *number > hi) {
    return expected(key, fmt::format("an integer in [{}, {}]", lo, hi), object);
  }
  return *number;
}

Result<int64_t> json_int_or(const Json& object, std::string_view key, int64_t fallback, int64_t lo,
                            int64_t hi) {
  if (!json_find(object, key)) return fallback;
  return json_int(object, key, lo, hi);
}

Result<double> json_number(const Json& object, std::string_view key, double lo, double hi) {
  const Json* value = json_find(object, key);
  const double number = value && value->is_number() ? value->get<double>() : NAN;
  if (!(number >= lo && number <= hi)) {
    return expected(key, fmt::format("a number in [{}, {}]", lo, hi), object);
  }
  return number;
}

Result<double> json_number_or(const Json& object, std::string_view key, double fallback, double lo,
                              double hi) {
  if (!json_find(object, key)) return fallback;
  return json_number(object, key, lo, hi);
}

Result<bool> json_bool(const Json& object, std::string_view key) {
  const Json* value = json_find(object, key);
  if (!value || !value->is_boolean()) return expected(key, "true or false", object);
  return value->get<bool>();
}

Result<bool> json_bool_or(const Json& object, std::string_view key, bool fallback) {
  if (!json_find(object, key)) return fallback;
  return json_bool(object, key);
}

Result<std::string> json_string(const Json& object, std::string_view key) {
  const Json* value = json_find(object, key);
  if (!value || !value->is_string()) return expected(key, "a string", object);
  return value->get_ref<const std::string&>();
}

Result<std::string> json_string_or(const Json& object, std::string_view key,
                                   std::string_view fallback) {
  if (!json_find(object, key)) return std::string(fallback);
  return json_string(object, key);
}

Result<const Json*> json_object(const Json& object, std::string_view key) {
  const Json* value = json_find(object, key);
  if (!value || !value->is_object()) return expected(key, "an object", object);
  return value;
}

Result<const Json*> json_array(const Json& object, std::string_view key) {
  const Json* value = json_find(object, key);
  if (!value || !value->is_array()) return expected(key, "an array", object);
  return value;
}

}  // namespace hearth
