// For tests: schemas drawn at random, each with a way to draw documents that are valid by it and
// written as the compiler promises to take them.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "hearth/files/json.h"

namespace hearth::grammar {

class RandomSchema {
 public:
  using Sample = std::function<std::string(int depth)>;  // depth: how many more levels may nest
  struct Node {
    Json schema;
    Sample sample;
  };

  explicit RandomSchema(uint64_t seed) : random_(seed) {
    root_ = node(3);
    Json defs = Json::object();
    for (size_t i = 0; i < definitions_.size(); ++i) {  // making one may ask for others
      Node made = definition(i);
      made.schema["$anchor"] = "at." + name_of(i);
      defs[name_of(i)] = made.schema;
      definitions_[i] = made.sample;
    }
    if (!defs.empty()) root_.schema["$defs"] = std::move(defs);
  }
  RandomSchema(const RandomSchema&) = delete;

  const Json& schema() const { return root_.schema; }
  std::string document() { return root_.sample(3); }

 private:
  uint64_t below(uint64_t n) { return random_() % n; }
  bool once_in(uint64_t n) { return below(n) == 0; }
  static std::string name_of(size_t i) { return "D" + std::to_string(i); }
  std::string gap() { return once_in(6) ? "\n  " : once_in(2) ? " " : ""; }
  static std::string text_of(const Json& value) { return value.dump(); }

  Node node(int depth) {
    switch (below(depth > 0 ? 21 : 12)) {
      case 0:
        return {{{"type", "boolean"}}, [this](int) { return once_in(2) ? "true" : "false"; }};
      case 1:
        return values();
      case 2:
      case 3:
        return integer();
      case 4:
        return number();
      case 5:
        return pattern();
      case 6:
      case 7:
        return string();
      case 8:
        return of_types();
      case 9:
        return one_of_types();
      case 10:
        return narrowed();
      case 11:
        return formatted();
      case 12:
      case 13:
        return array(depth);
      case 14:
        return any_of(depth);
      case 15:
        return one_of(depth);
      case 16:
        return reference();
      case 17:
        return counted_object(depth);
      default:
        return object(depth);
    }
  }

  Node values() {
    static const Json kValues = Json::array({1, -2.5, "x", "a \"quoted\" é\n", nullptr, true, "yes",
                                             "", "日本", Json::array({1, "a"}), Json{{"k", 1}}});
    Json list = Json::array();
    for (uint64_t i = 1 + below(4); i > 0; --i) list.push_back(kValues[below(kValues.size())]);
    const Sample sample = [this, list](int) { return text_of(list[below(list.size())]); };
    if (once_in(3)) return {{{"const", list[0]}}, [list](int) { return text_of(list[0]); }};
    return {{{"enum", list}}, sample};
  }

  Node integer() {
    Json schema = {{"type", "integer"}};
    int64_t low = -1000, high = 1000, step = 1;
    if (once_in(2)) schema["minimum"] = low = static_cast<int64_t>(below(400)) - 200;
    if (once_in(2))
      schema["maximum"] = high = std::max<int64_t>(low, 0) + static_cast<int64_t>(below(3000));
    if (once_in(4)) {
      schema["exclusiveMaximum"] = static_cast<double>(high) + 0.5;
    }
    if (once_in(4)) schema["multipleOf"] = step = 1 + static_cast<int64_t>(below(3));
    if (high - low < 3 * step) schema["maximum"] = high = low + 3 * step;
    if (schema.contains("exclusiveMaximum"))
      schema["exclusiveMaximum"] = static_cast<double>(high) + 0.5;
    return {schema, [this, low, high, step](int) {
              const int64_t first = low >= 0 ? (low + step - 1) / step : low / step;
              const int64_t last = high / step - (high < 0 && high % step != 0 ? 1 : 0);
              const auto span = static_cast<uint64_t>(last - first + 1);
              return std::to_string((first + static_cast<int64_t>(below(span))) * step);
            }};
  }

  Node number() {
    Json schema = {{"type", "number"}};
    int64_t low = -50'000, high = 50'000;  // thousandths
    if (once_in(2)) low = static_cast<int64_t>(below(20'000)) - 10'000;
    if (once_in(2)) high = low + 2 + static_cast<int64_t>(below(9'000));
    const bool open = once_in(2);
    schema[open ? "exclusiveMinimum" : "minimum"] = static_cast<double>(low) / 1000;
    schema[open ? "exclusiveMaximum" : "maximum"] = static_cast<double>(high) / 1000;
    return {schema, [this, low, high, open](int) {
              const auto span = static_cast<uint64_t>(high - low - (open ? 1 : -1));
              const int64_t x = low + (open ? 1 : 0) + static_cast<int64_t>(below(span));
              const int64_t size = std::abs(x);
              std::string text = (x < 0 ? "-" : "") + std::to_string(size / 1000);
              if (size % 1000 == 0) return text;
              return text + "." + std::to_string(1000 + size % 1000).substr(1);
            }};
  }

  Node pattern() {
    using Case = std::pair<const char*, std::vector<const char*>>;
    static const std::array<Case, 5> kPatterns = {
        {{"^[a-z]{2,5}$", {"ab", "zzzzz"}},
         {"[0-9]", {"0", "é7\\n", "\\\"5\\\""}},
         {"^(foo|bar)+$", {"foo", "barfoo"}},
         {"^\\w+@\\w+\\.(com|org)$", {"a_1@b.com", "x@y.org"}},
         {"^\\S*$|end$", {"", "日本", "the end"}}}};
    const Case& chosen = kPatterns[below(kPatterns.size())];
    Json schema = {{"type", "string"}, {"pattern", chosen.first}};
    if (once_in(3)) schema["maxLength"] = 12;
    return {schema, [this, &chosen](int) {
              return "\"" + std::string(chosen.second[below(chosen.second.size())]) + "\"";
            }};
  }

  Node formatted() {
    using Case = std::pair<const char*, std::vector<const char*>>;
    static const std::array<Case, 8> kFormats = {
        {{"date", {"2024-02-29", "0000-12-31", "1999-04-30"}},
         {"time", {"23:59:59Z", "00:00:00.123456789+23:59", "08:30:00-00:00"}},
         {"date-time", {"2000-02-29T12:00:00Z", "2026-11-28T00:00:00.5-08:00"}},
         {"uuid", {"01234567-89ab-cdef-ABCD-EF0123456789", "00000000-0000-0000-0000-000000000000"}},
         {"ipv4", {"0.0.0.0", "255.255.255.255", "127.10.99.200"}},
         {"ipv6", {"::", "2001:db8::1", "FFFF:0:0000:00ff:1:2:3:abcd", "::ffff:1.2.3.4"}},
         {"email", {"a@b", "first.last+tag@mail.example.org", "x'y/z@A.b-c"}},
         {"hostname", {"a", "xn-1.example", "A1.b-2.c.d.e.f"}}}};
    const Case& chosen = kFormats[below(kFormats.size())];
    return {{{"type", "string"}, {"format", chosen.first}}, [this, &chosen](int) {
              return "\"" + std::string(chosen.second[below(chosen.second.size())]) + "\"";
            }};
  }

  Node string() {
    Json schema = {{"type", "string"}};
    uint64_t min = 0, max = 12;
    if (once_in(3)) schema["minLength"] = min = below(5);
    if (once_in(2)) schema["maxLength"] = max = min + below(9);
    return {schema, [this, min, max](int) {
              static const std::array<const char*, 10> kCharacters = {
                  "a", " ", "é", "日", "😀", "\\n", "\\\"", "\\u00e9", "\\ud83d\\ude00", "}"};
              std::string text = "\"";
              for (uint64_t i = min + below(max - min + 1); i > 0; --i) {
                text += kCharacters[below(kCharacters.size())];
              }
              return text + "\"";
            }};
  }

  // A list of types; a bound holds for those it speaks of.
  Node of_types() {
    const auto low = static_cast<int64_t>(below(50));
    return {{{"type", {"integer", "null", "string"}}, {"minimum", low}, {"maxLength", 3}},
            [this, low](int) -> std::string {
              const std::array<std::string, 4> texts = {"null", "\"\"", "\"ab \"",
                                                        std::to_string(low + 7)};
              return texts[below(texts.size())];
            }};
  }

  // Branches that their types tell apart.
  Node one_of_types() {
    const Node a = once_in(2) ? integer() : number(), b = once_in(2) ? string() : pattern();
    return {{{"oneOf", {a.schema, b.schema, {{"type", "null"}}}}}, [this, a, b](int d) {
              return once_in(4) ? std::string("null") : (once_in(2) ? a : b).sample(d);
            }};
  }

  // allOf of conditions that hold for one value.
  Node narrowed() {
    const auto low = static_cast<int64_t>(below(900)), high = low + static_cast<int64_t>(below(90));
    switch (below(3)) {
      case 0:
        return {{{"allOf",
                  {{{"type", "integer"}, {"minimum", low - 5}},
                   {{"maximum", high}},
                   {{"exclusiveMinimum", low - 1}}}}},
                [this, low, high](int) {
                  const auto span = static_cast<uint64_t>(high - low + 1);
                  return std::to_string(low + static_cast<int64_t>(below(span)));
                }};
      case 1:
        return {{{"type", "string"}, {"allOf", {{{"pattern", "^[a-z]"}}, {{"maxLength", 4}}}}},
                [this](int) { return once_in(2) ? "\"x\"" : "\"a\\n\\u001f日\""; }};
      default:
        return {{{"enum", {low, -1, "x", "yes", nullptr}},
                 {"allOf", {{{"minimum", 0}}, {{"type", {"string", "integer"}}}}}},
                [this, low](int) { return once_in(2) ? "\"yes\"" : std::to_string(low); }};
    }
  }

  Node array(int depth) {
    Json schema = {{"type", "array"}};
    std::vector<Node> prefix;
    for (uint64_t i = once_in(3) ? below(3) : 0; i > 0; --i) prefix.push_back(node(depth - 1));
    Node rest = node(depth - 1);
    uint64_t min = 0, max = prefix.size() + 3;
    if (once_in(3)) schema["minItems"] = min = below(4);
    if (once_in(2)) schema["maxItems"] = max = std::max<uint64_t>(min, prefix.size()) + below(4);
    max = std::max(max, min);
    for (const Node& n : prefix) schema["prefixItems"].push_back(n.schema);
    schema["items"] = rest.schema;
    if (min <= prefix.size() && !prefix.empty() && once_in(3)) {
      schema["items"] = false;
      max = std::min<uint64_t>(max, prefix.size());
    }
    return {schema, [this, prefix, rest, min, max](int d) {
              const uint64_t count = d > 0 ? min + below(max - min + 1) : min;
              std::string text = "[" + gap();
              for (uint64_t i = 0; i < count; ++i) {
                if (i > 0) text += "," + gap();
                text += (i < prefix.size() ? prefix[i] : rest).sample(d - 1);
              }
              return text + gap() + "]";
            }};
  }

  struct Member {
    std::string name;
    Node node;
    bool required;
  };

  std::vector<Member> members(int depth, const std::string& prefix) {
    static const std::array<const char*, 6> kNames = {"name", "id", "a b", "é", "quo\"te", "x"};
    std::vector<Member> out;
    for (const char* name : kNames) {
      if (once_in(2)) out.push_back({prefix + name, node(depth - 1), once_in(2)});
    }
    return out;
  }

  static void declare(const std::vector<Member>& members, Json& schema) {
    schema["properties"] = Json::object();
    for (const Member& m : members) {
      schema["properties"][m.name] = m.node.schema;
      if (m.required) schema["required"].push_back(m.name);
    }
  }

  // Members of the first lists, in order, then what `more` gives.
  std::string written(const std::vector<Member>& members, int d, std::vector<std::string> more) {
    std::vector<std::string> all;
    for (const Member& m : members) {
      if (!m.required && (d <= 0 || once_in(2))) continue;
      all.push_back(text_of(m.name) + (once_in(2) ? ": " : ":") + m.node.sample(d - 1));
    }
    all.insert(all.end(), more.begin(), more.end());
    std::string text = "{" + gap();
    for (size_t i = 0; i < all.size(); ++i) text += (i > 0 ? "," + gap() : "") + all[i];
    return text + gap() + "}";
  }

  Node object(int depth) {
    Json schema = {{"type", "object"}};
    std::vector<Member> own = members(depth, "");
    declare(own, schema);
    const uint64_t kind = below(4);
    if (kind == 0) schema["additionalProperties"] = false;
    if (kind == 1) return extended(schema, own, depth);
    if (kind != 2) {
      return {schema, [this, own](int d) { return written(own, d, {}); }};
    }
    const Node other = node(depth - 1);
    schema["additionalProperties"] = other.schema;
    return {
        schema, [this, own, other](int d) {
          std::vector<std::string> more;
          for (uint64_t i = d > 0 ? below(3) : 0; i > 0; --i) {
            more.push_back((once_in(2) ? "\"names\":" : "\"na\\n\\\"\": ") + other.sample(d - 1));
          }
          return written(own, d, more);
        }};
  }

  // allOf of two objects, as one that extends another is written.
  Node extended(const Json& base, std::vector<Member> all, int depth) {
    Json second = {{"type", "object"}};
    const std::vector<Member> more = members(depth, "more ");
    declare(more, second);
    all.insert(all.end(), more.begin(), more.end());
    return {{{"allOf", {base, second}}}, [this, all](int d) { return written(all, d, {}); }};
  }

  Node any_of(int depth) {
    const Node a = node(depth - 1), b = node(depth - 1);
    return {{{"anyOf", {a.schema, b.schema}}},
            [this, a, b](int d) { return (once_in(2) ? a : b).sample(d); }};
  }

  // Members of any names, or of names by a pattern, and their number.
  Node counted_object(int depth) {
    const Node other = node(depth - 1);
    const bool patterned = once_in(3);
    Json schema = {{"type", "object"}};
    uint64_t min = 0, max = 3;
    if (patterned) {
      schema["patternProperties"] = {{"^x_[a-z]*$", other.schema}};
      schema["additionalProperties"] = false;
    } else {
      schema["additionalProperties"] = other.schema;
      schema["minProperties"] = min = below(2);
      schema["maxProperties"] = max = min + below(3);
    }
    return {schema, [this, other, min, max](int d) {
              std::vector<std::string> all;
              for (uint64_t i = d > 0 ? min + below(max - min + 1) : min; i > 0; --i) {
                const char name = static_cast<char>('a' + i);
                all.push_back("\"x_" + std::string(1, name) + "\": " + other.sample(d - 1));
              }
              return written({}, d, all);
            }};
  }

  // Branches that a constant tells apart.
  Node one_of(int depth) {
    Json schema = Json::object();
    std::vector<Sample> samples;
    for (const char* kind : {"cat", "dog"}) {
      Json branch = {{"type", "object"}};
      std::vector<Member> all = {
          {"kind", {{{"const", kind}}, [kind](int) { return text_of(kind); }}, true}};
      for (Member& m : members(depth, "")) all.push_back(std::move(m));
      declare(all, branch);
      schema["oneOf"].push_back(branch);
      samples.push_back([this, all](int d) { return written(all, d, {}); });
    }
    return {schema, [this, samples](int d) { return samples[below(2)](d); }};
  }

  Node reference() {
    const size_t which = below(definitions_.size() + 1);
    if (which == definitions_.size()) definitions_.emplace_back();
    return {{{"$ref", (once_in(2) ? "#at." : "#/$defs/") + name_of(which)}},
            [this, which](int d) { return definitions_[which](d); }};
  }

  // A list of itself, or a tree.
  Node definition(size_t which) {
    const Json self = {{"$ref", "#/$defs/" + name_of(which)}};
    const Node leaf = once_in(2) ? integer() : string();
    if (once_in(2)) {
      Json schema = {{"type", "object"},
                     {"properties", {{"value", leaf.schema}, {"next", self}}},
                     {"required", {"value"}},
                     {"additionalProperties", false}};
      return {schema, [this, leaf, which](int d) {
                std::string text = "{\"value\": " + leaf.sample(d);
                if (d > 0) text += ", \"next\": " + definitions_[which](d - 1);
                return text + "}";
              }};
    }
    Json schema = {{"anyOf", {leaf.schema, {{"type", "array"}, {"items", self}}}}};
    return {schema, [this, leaf, which](int d) {
              if (d <= 0 || once_in(2)) return leaf.sample(d);
              return "[" + definitions_[which](d - 1) + "," + definitions_[which](d - 2) + "]";
            }};
  }

  std::mt19937_64 random_;
  std::vector<Sample> definitions_;
  Node root_;
};

}  // namespace hearth::grammar
