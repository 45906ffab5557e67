// Expressions: regular expressions with calls of rules, the one form that JSON schemas, regexes and
// GBNF files are read into before they become an automaton. Values of an arena, named by index, so
// that parts are shared and nothing is freed recursively.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/text/grammar/byte_dfa.h"

namespace hearth::grammar {

using ExprId = int32_t;
using RuleId = int32_t;

inline constexpr int64_t kUnlimited = -1;             // a repetition without a maximum
inline constexpr int64_t kRepeatMax = 2'147'483'647;  // the largest count that can be written
inline constexpr uint32_t kCodePointMax = 0x10FFFF;
inline constexpr int kNestingMax = 200;  // of groups in a text
inline constexpr int32_t kExprDepthMax =
    2000;  // of parts in each other: bounds recursion over Expr

// Code points, both ends included. Surrogates are no characters and never match.
struct CodeRange {
  uint32_t first;
  uint32_t last;

  bool operator==(const CodeRange&) const = default;
};

// In order, without overlaps.
std::vector<CodeRange> normalised(std::vector<CodeRange> ranges);
// All characters that are not in `ranges`.
std::vector<CodeRange> complement(std::vector<CodeRange> ranges);

struct Expr {
  enum class Kind : uint8_t {
    literals,   // one of `texts`
    character,  // one character of `ranges`, as UTF-8; no ranges: nothing matches
    sequence,
    choice,
    repeat,  // children[0], `min` to `max` times
    call,    // a rule
    dfa,     // an automaton over bytes that is already built
  };
  Kind kind = Kind::literals;
  std::vector<std::string> texts;
  std::vector<CodeRange> ranges;
  std::vector<ExprId> children;
  int64_t min = 0;
  int64_t max = 0;
  RuleId rule = 0;
  ByteDfa dfa;
  int32_t depth = 1;  // of the tree below it, itself included; calls are leaves
};

struct Rule {
  std::string name;  // as errors call it
  ExprId body = -1;  // -1: not defined yet
};

// A grammar: rules, of which one is the root. A plain value.
class Grammar {
 public:
  const Expr& expr(ExprId id) const { return exprs_[static_cast<size_t>(id)]; }
  const Rule& rule(RuleId id) const { return rules_[static_cast<size_t>(id)]; }
  int64_t rules() const { return static_cast<int64_t>(rules_.size()); }
  int64_t exprs() const { return static_cast<int64_t>(exprs_.size()); }

  ExprId empty() { return literal(""); }
  ExprId nothing() { return character({}); }
  ExprId literal(std::string_view bytes) { return literals({std::string(bytes)}); }
  ExprId literals(std::vector<std::string> texts);
  ExprId character(std::vector<CodeRange> ranges);
  ExprId any_character() { return character({{0, kCodePointMax}}); }
  ExprId sequence(std::vector<ExprId> children);
  ExprId choice(std::vector<ExprId> children);
  ExprId repeat(ExprId body, int64_t min, int64_t max);
  ExprId optional(ExprId body) { return repeat(body, 0, 1); }
  ExprId call(RuleId rule);
  ExprId dfa(ByteDfa dfa);

  RuleId declare(std::string name);
  void define(RuleId rule, ExprId body) { rules_[static_cast<size_t>(rule)].body = body; }
  // Takes in the rules of another grammar under new numbers: that of its root.
  RuleId include(Grammar other);

  RuleId root = 0;

 private:
  ExprId add(Expr expr);

  std::vector<Expr> exprs_;
  std::vector<Rule> rules_;
};

}  // namespace hearth::grammar
