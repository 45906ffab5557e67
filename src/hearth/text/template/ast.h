// The parsed template. Expressions and statements are variants of small structs; every node knows
// its line. Depth is limited by the parser, so that walking a tree recursively is safe.
// Owner: the compiled template; immutable after parsing, shared by renderings of any thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "hearth/text/template/value.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {

struct Expr;
struct Statement;
using ExprPtr = std::unique_ptr<Expr>;
using Block = std::vector<Statement>;

struct Arguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr starred;         // *list, or null
  ExprPtr double_starred;  // **dict, or null
};

struct Constant {
  Value value;
};
struct Name {
  std::string name;
};
struct ListDisplay {
  List::Kind kind;  // list or tuple
  std::vector<ExprPtr> elements;
};
struct DictDisplay {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
struct Attribute {
  ExprPtr object;
  std::string name;
};
struct Subscript {
  ExprPtr object;
  ExprPtr key;
};
struct SliceOf {
  ExprPtr object;
  ExprPtr begin, end, step;  // each may be null
};
struct Call {
  ExprPtr callee;
  Arguments arguments;
};
struct FilterUse {
  ExprPtr input;  // null: the text of the block around it
  std::string name;
  Arguments arguments;
};
struct TestUse {
  ExprPtr input;
  std::string name;
  Arguments arguments;
};
struct Not {
  ExprPtr operand;
};
struct Sign {
  bool negative;
  ExprPtr operand;
};
struct Binary {
  BinaryOp op;
  ExprPtr left, right;
};
struct Logical {
  bool is_and;
  ExprPtr left, right;
};
enum class CompareOp { eq, ne, lt, le, gt, ge, in, not_in };
struct Comparison {
  ExprPtr first;
  std::vector<std::pair<CompareOp, ExprPtr>> rest;  // a < b < c is one comparison
};
struct Concat {
  std::vector<ExprPtr> parts;  // a ~ b ~ c
};
struct Conditional {
  ExprPtr condition, then, otherwise;  // otherwise may be null
};

struct Expr {
  int line = 1;
  int depth = 1;  // levels of nodes, this one included
  std::variant<Constant, Name, ListDisplay, DictDisplay, Attribute, Subscript, SliceOf, Call,
               FilterUse, TestUse, Not, Sign, Binary, Logical, Comparison, Concat, Conditional>
      node;
};

// What a set or for assigns to: one name, one namespace attribute, or several of them.
struct Target {
  std::string name;
  std::string attribute;  // of namespace `name`; empty: the name itself
  std::vector<Target> parts;
  bool is_tuple = false;
};

struct Parameter {
  std::string name;
  ExprPtr fallback;  // may be null
};

struct Data {
  std::string text;
};
struct Print {
  std::vector<ExprPtr> values;
};
struct If {
  std::vector<std::pair<ExprPtr, Block>> branches;
  Block otherwise;
};
struct For {
  Target target;
  ExprPtr sequence;
  ExprPtr condition;  // may be null
  bool recursive = false;
  Block body;
  Block otherwise;
};
struct Set {
  Target target;
  ExprPtr value;
};
struct SetBlock {
  Target target;
  ExprPtr filter;  // a chain of FilterUse that ends in a null input; may be null
  Block body;
};
struct With {
  std::vector<std::pair<Target, ExprPtr>> values;
  Block body;
};
// A macro, or the body of a call block (then the name is "caller").
struct MacroDefinition {
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool uses_caller = false;
};
struct CallBlock {
  ExprPtr call;
  std::shared_ptr<const MacroDefinition> caller;
};
struct MacroStatement {
  std::shared_ptr<const MacroDefinition> definition;
};
struct FilterBlock {
  ExprPtr filter;
  Block body;
};
struct Generation {  // transformers' {% generation %}: a scope around what the assistant said
  Block body;
};
struct Break {};
struct Continue {};

struct Statement {
  int line = 1;
  std::variant<Data, Print, If, For, Set, SetBlock, With, MacroStatement, CallBlock, FilterBlock,
               Generation, Break, Continue>
      node;
};

}  // namespace hearth::jinja
