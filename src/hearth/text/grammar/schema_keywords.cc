// See schema_keywords.h.
#include "hearth/text/grammar/schema_keywords.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "hearth/files/outside_bytes.h"

namespace hearth::grammar {
namespace {

constexpr int64_t kCountMax = kRepeatMax;

struct TypeName {
  std::string_view name;
  uint8_t bits;
};
constexpr std::array<TypeName, 7> kTypeNames = {{{"null", kNull},
                                                 {"boolean", kBoolean},
                                                 {"object", kObject},
                                                 {"array", kArray},
                                                 {"string", kString},
                                                 {"integer", kInteger},
                                                 {"number", kNumber}}};

Status wrong(std::string_view key, std::string_view expected, const Json& found) {
  return error(Code::invalid, "`{}`: expected {}, found {}", key, expected, json_excerpt(found));
}

Status read_type(const Json& value, Facts& facts) {
  const Json list = value.is_array() ? value : Json::array({value});
  uint8_t bits = 0;
  for (const Json& name : list) {
    const auto known = std::ranges::find_if(
        kTypeNames, [&](const TypeName& t) { return name.is_string() && name == t.name; });
    if (known == kTypeNames.end()) return wrong("type", "names of JSON types", name);
    bits |= known->bits;
  }
  facts.types &= bits;
  facts.typed = true;
  return Status::ok();
}

// enum and const: those that are in both where more than one says so.
Status read_values(std::string_view key, const Json& value, Facts& facts) {
  std::vector<const Json*> list;
  if (key == "const") {
    list.push_back(&value);
  } else {
    if (!value.is_array()) return wrong(key, "an array", value);
    for (const Json& one : value) list.push_back(&one);
  }
  if (facts.values) {
    std::erase_if(list, [&](const Json* one) {
      return std::ranges::none_of(*facts.values, [&](const Json* other) { return *one == *other; });
    });
  }
  facts.values = std::move(list);
  facts.typed = true;
  return Status::ok();
}

Status read_bound(const std::string& key, const Json& value, Facts& facts) {
  if (!value.is_number()) return wrong(key, "a number", value);
  const bool low = key == "minimum" || key == "exclusiveMinimum";
  facts.spoken_of |= kNumber;
  auto decimal = decimal_of(value);
  if (!decimal) {
    const bool outside = low == std::signbit(value.get<double>());
    if (outside && std::abs(value.get<double>()) > 1) {
      facts.numbers.within_64_bits = true;
      return Status::ok();
    }
    return std::move(decimal).status().at("`" + key + "`");
  }
  const Bound bound{value.get<double>(), *std::move(decimal), key.starts_with("exclusive")};
  std::optional<Bound>& held = low ? facts.numbers.low : facts.numbers.high;
  if (held) {
    const int order = compare(bound.decimal, held->decimal);
    const bool tighter = order == 0 ? bound.exclusive : low == (order > 0);
    if (!tighter) return Status::ok();
  }
  held = bound;
  return Status::ok();
}

Status read_multiple(const Json& value, Facts& facts) {
  const double number = value.is_number() ? value.get<double>() : 0;
  if (!(number > 0)) return wrong("multipleOf", "a number above 0", value);
  if (number != std::floor(number) || number > kMultipleMax) {
    return error(Code::unsupported, "`multipleOf`: only integers up to {} are offered, found {}",
                 kMultipleMax, json_excerpt(value));
  }
  const auto multiple = static_cast<int64_t>(number);
  int64_t& held =
      facts.numbers.multiple_of ? *facts.numbers.multiple_of : facts.numbers.multiple_of.emplace(1);
  held = std::lcm(held, multiple);
  facts.spoken_of |= kNumber;
  return Status::ok();
}

Status read_count(const std::string& key, const Json& value, uint8_t about, Range& range,
                  Facts& facts) {
  const double number = value.is_number() ? value.get<double>() : -1;
  if (!(number >= 0) || number != std::floor(number)) {
    return wrong(key, "an integer that is not negative", value);
  }
  facts.spoken_of |= about;
  if (key.starts_with("min")) {
    if (number > static_cast<double>(kCountMax)) {
      return error(Code::unsupported, "`{}`: expected at most {}, found {}", key, kCountMax,
                   json_excerpt(value));
    }
    range.min = std::max(range.min, static_cast<int64_t>(number));
  } else {
    // No answer is that long.
    const auto max = static_cast<int64_t>(std::min(number, static_cast<double>(kCountMax)));
    range.max = range.max == kUnlimited ? max : std::min(range.max, max);
  }
  return Status::ok();
}

Status read_text(const std::string& key, const Json& value, std::vector<std::string>& list,
                 Facts& facts) {
  if (!value.is_string()) return wrong(key, "a string", value);
  facts.spoken_of |= kString;
  const auto& text = value.get_ref<const std::string&>();
  if (std::ranges::find(list, text) == list.end()) list.push_back(text);
  return Status::ok();
}

Status read_required(const Json& value, Facts& facts) {
  if (!value.is_array()) return wrong("required", "an array of names", value);
  for (const Json& name : value) {
    if (!name.is_string()) return wrong("required", "an array of names", name);
    facts.require(name.get_ref<const std::string&>());
  }
  facts.spoken_of |= kObject;
  return Status::ok();
}

// Only the value that says nothing is offered.
Status refuse_unless(const std::string& key, const Json& value, const Json& says_nothing) {
  if (value == says_nothing) return Status::ok();
  return error(Code::unsupported, "`{}`: this keyword is not offered", key);
}

}  // namespace

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const int sign = a.negative ? -1 : 1;
  if (a.whole != b.whole) return a.whole < b.whole ? -sign : sign;
  // Fractions have no zeros at their end: they are ordered as texts.
  const int order = a.fraction.compare(b.fraction);
  return order < 0 ? -sign : order > 0 ? sign : 0;
}

Result<Decimal> decimal_of(const Json& number) {
  if (!number.is_number_integer()) return to_decimal(number.get<double>());
  Decimal out;
  if (number.is_number_unsigned()) {
    const auto value = number.get<uint64_t>();
    if (value > INT64_MAX / 10 * 10) return to_decimal(static_cast<double>(value));
    out.whole = static_cast<int64_t>(value);
    return out;
  }
  const auto value = number.get<int64_t>();
  if (value < -(INT64_MAX / 10 * 10)) return to_decimal(static_cast<double>(value));
  out.negative = value < 0;
  out.whole = std::abs(value);
  return out;
}

bool is_annotation(const std::string& key) {
  constexpr std::array<std::string_view, 16> kAnnotations = {
      "title",      "description", "default",          "examples",      "$comment",
      "$schema",    "$defs",       "definitions",      "$anchor",       "deprecated",
      "readOnly",   "writeOnly",   "contentMediaType", "contentSchema", "contentEncoding",
      "$vocabulary"};
  return std::ranges::find(kAnnotations, key) != kAnnotations.end() || key.starts_with("x-");
}

Status read_keyword(const std::string& key, const Json& value, Facts& facts) {
  if (key == "type") return read_type(value, facts);
  if (key == "enum" || key == "const") return read_values(key, value, facts);
  if (key.ends_with("aximum") || key.ends_with("inimum")) {
    if (key.size() == 7 || key.starts_with("exclusive")) return read_bound(key, value, facts);
  }
  if (key == "multipleOf") return read_multiple(value, facts);
  if (key == "minLength" || key == "maxLength") {
    return read_count(key, value, kString, facts.length, facts);
  }
  if (key == "minItems" || key == "maxItems") {
    return read_count(key, value, kArray, facts.items, facts);
  }
  if (key == "minProperties" || key == "maxProperties") {
    return read_count(key, value, kObject, facts.members, facts);
  }
  if (key == "pattern") return read_text(key, value, facts.patterns, facts);
  if (key == "format") return read_text(key, value, facts.formats, facts);
  if (key == "required") return read_required(value, facts);
  if (key == "uniqueItems") return refuse_unless(key, value, false);
  return error(Code::unsupported, "`{}`: this keyword is not offered", excerpt(key));
}

}  // namespace hearth::grammar
