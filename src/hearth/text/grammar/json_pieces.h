// The parts of JSON text as expressions: strings, numbers, any value, and the white space between
// them. What is generated is a bounded part of JSON: a gap is one space, or a line break and an
// indentation of at most kIndentMax; a number has at most 20 digits before and after the point and
// an exponent of at most two, so that neither can go on for ever.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/text/grammar/expression.h"

namespace hearth::grammar {

inline constexpr int64_t kIndentMax = 32;
inline constexpr int64_t kDigitsMax = 20;

// Makes each part once. The grammar must outlive it.
class JsonPieces {
 public:
  explicit JsonPieces(Grammar& grammar) : g_(grammar) {}

  // Nothing, one space, or a line break with spaces and tabs after it.
  ExprId gap();
  ExprId comma() { return g_.sequence({g_.literal(","), gap()}); }
  // `key` is a whole string with its quotes.
  ExprId member(ExprId key, ExprId value);
  ExprId object(ExprId members);  // braces around; no members: {}
  ExprId array(ExprId items);

  // A character inside a string, in all ways to write it.
  ExprId character();
  ExprId quoted(ExprId inside) { return g_.sequence({g_.literal("\""), inside, g_.literal("\"")}); }
  ExprId string();
  ExprId string_of(int64_t min, int64_t max);  // characters; kUnlimited

  ExprId integer();
  ExprId number();

  ExprId value();  // any
  ExprId any_object();
  ExprId any_array();

 private:
  ExprId digits(int64_t min, int64_t max) {
    return g_.repeat(g_.character({{'0', '9'}}), min, max);
  }
  ExprId once(std::optional<RuleId>& rule, const char* name, ExprId (JsonPieces::*make)());
  ExprId make_gap();
  ExprId make_string();
  ExprId make_value();
  ExprId make_object();
  ExprId make_array();

  Grammar& g_;
  std::optional<ExprId> character_;
  std::optional<RuleId> gap_, string_, value_, object_, array_;
};

// One of these characters inside a JSON string in its one canonical form: as it is, or by the
// shortest escape where it must be escaped. A CharacterForm.
ExprId canonical_character(Grammar& grammar, std::vector<CodeRange> ranges);

}  // namespace hearth::grammar
