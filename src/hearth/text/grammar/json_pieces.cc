// See json_pieces.h.
#include "hearth/text/grammar/json_pieces.h"

#include <algorithm>
#include <utility>

namespace hearth::grammar {
namespace {

std::vector<CodeRange> hex_digits() {
  return {{'0', '9'}, {'a', 'f'}, {'A', 'F'}};
}

std::string canonical_escape(uint32_t code) {
  switch (code) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\u{:04x}", code);
  }
}

bool must_be_escaped(uint32_t code) {
  return code < 0x20 || code == '"' || code == '\\';
}

}  // namespace

ExprId canonical_character(Grammar& grammar, std::vector<CodeRange> ranges) {
  std::vector<std::string> escaped;
  std::vector<CodeRange> plain;
  for (const CodeRange& r : ranges) {
    // '\\' is the last that needs an escape: beyond it a range stays whole.
    uint32_t code = r.first;
    for (; code <= std::min<uint32_t>(r.last, '\\'); ++code) {
      if (must_be_escaped(code)) {
        escaped.push_back(canonical_escape(code));
      } else {
        plain.push_back({code, code});
      }
    }
    if (code <= r.last) plain.push_back({code, r.last});
  }
  if (escaped.empty()) return grammar.character(std::move(plain));
  const ExprId escapes = grammar.literals(std::move(escaped));
  if (plain.empty()) return escapes;
  return grammar.choice({grammar.character(std::move(plain)), escapes});
}

ExprId JsonPieces::once(std::optional<RuleId>& rule, const char* name,
                        ExprId (JsonPieces::*make)()) {
  if (!rule) {
    rule = g_.declare(name);
    g_.define(*rule, (this->*make)());
  }
  return g_.call(*rule);
}

ExprId JsonPieces::gap() {
  return once(gap_, "white space", &JsonPieces::make_gap);
}

ExprId JsonPieces::make_gap() {
  const ExprId indent = g_.repeat(g_.character({{' ', ' '}, {'\t', '\t'}}), 0, kIndentMax);
  return g_.choice({g_.literals({"", " "}), g_.sequence({g_.literal("\n"), indent})});
}

ExprId JsonPieces::member(ExprId key, ExprId value) {
  return g_.sequence({key, g_.literals({":", ": "}), value});
}

ExprId JsonPieces::object(ExprId members) {
  return g_.sequence({g_.literal("{"), gap(), members, gap(), g_.literal("}")});
}

ExprId JsonPieces::array(ExprId items) {
  return g_.sequence({g_.literal("["), gap(), items, gap(), g_.literal("]")});
}

ExprId JsonPieces::character() {
  if (character_) return *character_;
  const auto hex = [&](int64_t count) {
    return g_.repeat(g_.character(hex_digits()), count, count);
  };
  const ExprId d = g_.character({{'d', 'd'}, {'D', 'D'}});
  const ExprId not_d = g_.character({{'0', '9'}, {'a', 'c'}, {'A', 'C'}, {'e', 'f'}, {'E', 'F'}});
  const ExprId high = g_.character({{'8', '9'}, {'a', 'b'}, {'A', 'B'}});
  const ExprId low = g_.character({{'c', 'f'}, {'C', 'F'}});
  const ExprId unit = g_.choice(
      {g_.sequence({not_d, hex(3)}),
       g_.sequence(
           {d, g_.choice({g_.sequence({g_.character({{'0', '7'}}), hex(2)}),
                          g_.sequence({high, hex(2), g_.literal("\\u"), d, low, hex(2)})})})});
  const ExprId short_escape =
      g_.literals({"\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"});
  character_ = g_.choice({g_.character({{' ', '!'}, {'#', '['}, {']', kCodePointMax}}),
                          short_escape, g_.sequence({g_.literal("\\u"), unit})});
  return *character_;
}

ExprId JsonPieces::string() {
  return once(string_, "string", &JsonPieces::make_string);
}

ExprId JsonPieces::make_string() {
  return string_of(0, kUnlimited);
}

ExprId JsonPieces::string_of(int64_t min, int64_t max) {
  return quoted(g_.repeat(character(), min, max));
}

ExprId JsonPieces::integer() {
  const ExprId positive = g_.sequence({g_.character({{'1', '9'}}), digits(0, kDigitsMax - 1)});
  return g_.sequence({g_.literals({"", "-"}), g_.choice({g_.literal("0"), positive})});
}

ExprId JsonPieces::number() {
  const ExprId fraction = g_.sequence({g_.literal("."), digits(1, kDigitsMax)});
  const ExprId exponent =
      g_.sequence({g_.literals({"e", "E", "e+", "E+", "e-", "E-"}), digits(1, 2)});
  return g_.sequence({integer(), g_.optional(fraction), g_.optional(exponent)});
}

ExprId JsonPieces::value() {
  return once(value_, "value", &JsonPieces::make_value);
}

ExprId JsonPieces::make_value() {
  return g_.choice(
      {string(), any_object(), any_array(), number(), g_.literals({"true", "false", "null"})});
}

ExprId JsonPieces::any_object() {
  return once(object_, "object", &JsonPieces::make_object);
}

ExprId JsonPieces::make_object() {
  const ExprId one = member(string(), value());
  const ExprId more = g_.repeat(g_.sequence({comma(), one}), 0, kUnlimited);
  return object(g_.optional(g_.sequence({one, more})));
}

ExprId JsonPieces::any_array() {
  return once(array_, "array", &JsonPieces::make_array);
}

ExprId JsonPieces::make_array() {
  const ExprId more = g_.repeat(g_.sequence({comma(), value()}), 0, kUnlimited);
  return array(g_.optional(g_.sequence({value(), more})));
}

}  // namespace hearth::grammar
