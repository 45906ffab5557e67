// The values with identity: namespaces, macros, loops, functions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/text/template/ast.h"
#include "hearth/text/template/filters.h"
#include "hearth/text/template/value.h"

namespace hearth::jinja {

// Names of one level: the template, a loop's iteration, a macro's call.
// Owner: shared by the evaluation and the macros made in it; the evaluator empties captured scopes
// at its end, so that a scope that holds its own macro is freed.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string, Value>> names;

  Value* find_here(std::string_view name);
  void set(std::string_view name, Value value);
};

struct Namespace : Object {
  Dict attributes;
  std::string_view type_name() const override { return "Namespace"; }
};

// A global function.
struct Function : Object {
  Result<Value> (*call)(Evaluator&, const CallArgs&) = nullptr;
  explicit Function(Result<Value> (*f)(Evaluator&, const CallArgs&)) : call(f) {}
  std::string_view type_name() const override { return "function"; }
};

// value.name before its call.
struct Method : Object {
  Value self;
  Callable call = nullptr;
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  int depth() const override { return self.depth() + 1; }
};

struct Macro : Object {
  std::shared_ptr<const MacroDefinition> definition;
  std::shared_ptr<Scope> scope;  // where it was made
  std::string_view type_name() const override { return "Macro"; }
};

// The variable `loop`. It looks one element ahead only when asked for (last, nextitem, length).
struct Loop : Object {
  const For* statement = nullptr;
  std::shared_ptr<Scope> scope;  // around the loop: where a recursive one runs again
  Next next;
  std::optional<int64_t> length;  // when known
  std::optional<std::optional<Value>>
      ahead;  // the element that `next` gave early; inner empty: end
  std::optional<Value> before, current;
  int64_t index0 = -1;
  int64_t depth0 = 0;
  std::vector<Value> changed;  // what the last changed() saw
  bool has_changed = false;
  bool done = false;

  std::string_view type_name() const override { return "LoopContext"; }
  // Moves to the next element; nothing at the end.
  Result<std::optional<Value>> advance();
  Result<std::optional<Value>> peek();
  Result<int64_t> size(Budget& budget);
};

struct Cycler : Object {
  std::vector<Value> items;
  size_t at = 0;
  std::string_view type_name() const override { return "Cycler"; }
};

struct Joiner : Object {
  Value separator;
  bool used = false;
  std::string_view type_name() const override { return "Joiner"; }
};

// Attributes of the objects above; nothing when there is none of the name.
Result<std::optional<Value>> object_attribute(Evaluator& evaluator, const Value& object,
                                              std::string_view name);
// range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
void add_globals(Scope& scope);

}  // namespace hearth::jinja
