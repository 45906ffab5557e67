// For tests: whether a document is valid by a schema, found by looking at the document, value by
// value. Shares nothing with the compiler of schemas, which it checks. Knows the keywords that the
// tests use but `format` (tests/schema_property_test.py checks it), and std::regex is good enough
// for their patterns.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

namespace hearth::grammar {

class SchemaValidator {
 public:
  using Doc = nlohmann::json;

  explicit SchemaValidator(const Doc& schema) : root_(schema) {}
  bool valid(const Doc& doc) const { return valid(root_, doc); }

 private:
  bool valid(const Doc& schema, const Doc& doc) const {
    if (schema.is_boolean()) return schema.get<bool>();
    return references(schema, doc) && type(schema, doc) && values(schema, doc) &&
           (!doc.is_number() || number(schema, doc)) && (!doc.is_string() || string(schema, doc)) &&
           (!doc.is_array() || array(schema, doc)) && (!doc.is_object() || object(schema, doc));
  }

  bool references(const Doc& schema, const Doc& doc) const {
    if (schema.contains("$ref")) {
      if (!valid(referred(schema["$ref"].get<std::string>().substr(1)), doc)) return false;
    }
    const auto count = [&](const char* key) {
      int64_t good = 0;
      for (const Doc& one : schema[key]) good += valid(one, doc) ? 1 : 0;
      return good;
    };
    if (schema.contains("allOf") && count("allOf") != std::ssize(schema["allOf"])) return false;
    if (schema.contains("anyOf") && count("anyOf") == 0) return false;
    return !schema.contains("oneOf") || count("oneOf") == 1;
  }

  // A pointer, or the anchor of a definition.
  const Doc& referred(const std::string& place) const {
    if (place.empty() || place[0] == '/') return root_[Doc::json_pointer(place)];
    for (const Doc& one : root_["$defs"]) {
      if (one.value("$anchor", "") == place) return one;
    }
    return root_;
  }

  static bool is_type(const std::string& name, const Doc& doc) {
    if (name == "integer")
      return doc.is_number() && std::floor(doc.get<double>()) == doc.get<double>();
    return name == (doc.is_number() ? "number" : doc.type_name());
  }

  static bool type(const Doc& schema, const Doc& doc) {
    if (!schema.contains("type")) return true;
    const Doc& types = schema["type"];
    if (types.is_string()) return is_type(types, doc);
    for (const Doc& name : types) {
      if (is_type(name, doc)) return true;
    }
    return false;
  }

  static bool values(const Doc& schema, const Doc& doc) {
    if (schema.contains("const") && schema["const"] != doc) return false;
    if (!schema.contains("enum")) return true;
    for (const Doc& one : schema["enum"]) {
      if (one == doc) return true;
    }
    return false;
  }

  static bool number(const Doc& schema, const Doc& doc) {
    const double x = doc.get<double>();
    const auto bound = [&](const char* key, double otherwise) {
      return schema.contains(key) ? schema[key].get<double>() : otherwise;
    };
    return x >= bound("minimum", -INFINITY) && x <= bound("maximum", INFINITY) &&
           (!schema.contains("exclusiveMinimum") || x > schema["exclusiveMinimum"].get<double>()) &&
           (!schema.contains("exclusiveMaximum") || x < schema["exclusiveMaximum"].get<double>()) &&
           (!schema.contains("multipleOf") || is_multiple(doc, schema["multipleOf"]));
  }

  static bool is_multiple(const Doc& doc, const Doc& of) {
    if (doc.is_number_integer()) return doc.get<int64_t>() % of.get<int64_t>() == 0;
    return std::fmod(doc.get<double>(), of.get<double>()) == 0;
  }

  static bool counted(const Doc& schema, const char* min, const char* max, int64_t count) {
    return (!schema.contains(min) || count >= schema[min].get<int64_t>()) &&
           (!schema.contains(max) || count <= schema[max].get<int64_t>());
  }

  static bool string(const Doc& schema, const Doc& doc) {
    const auto text = doc.get<std::string>();
    int64_t characters = 0;
    for (char c : text) characters += (c & 0xC0) != 0x80 ? 1 : 0;
    if (!counted(schema, "minLength", "maxLength", characters)) return false;
    return !schema.contains("pattern") ||
           std::regex_search(text, std::regex(schema["pattern"].get<std::string>()));
  }

  bool array(const Doc& schema, const Doc& doc) const {
    if (!counted(schema, "minItems", "maxItems", std::ssize(doc))) return false;
    const size_t prefix = schema.contains("prefixItems") ? schema["prefixItems"].size() : 0;
    for (size_t i = 0; i < doc.size(); ++i) {
      if (i < prefix ? !valid(schema["prefixItems"][i], doc[i])
                     : schema.contains("items") && !valid(schema["items"], doc[i])) {
        return false;
      }
    }
    return true;
  }

  bool object(const Doc& schema, const Doc& doc) const {
    if (!counted(schema, "minProperties", "maxProperties", std::ssize(doc))) return false;
    for (const Doc& name : schema.value("required", Doc::array())) {
      if (!doc.contains(name.get<std::string>())) return false;
    }
    const Doc properties = schema.value("properties", Doc::object());
    const Doc patterns = schema.value("patternProperties", Doc::object());
    for (const auto& [key, value] : doc.items()) {
      bool named = properties.contains(key);
      if (named && !valid(properties[key], value)) return false;
      for (const auto& [pattern, inner] : patterns.items()) {
        if (!std::regex_search(key, std::regex(pattern))) continue;
        named = true;
        if (!valid(inner, value)) return false;
      }
      if (!named && schema.contains("additionalProperties") &&
          !valid(schema["additionalProperties"], value)) {
        return false;
      }
    }
    return true;
  }

  const Doc& root_;
};

}  // namespace hearth::grammar
