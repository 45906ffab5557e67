// The tables of what can be applied to a value: filters (value | name), tests (value is name) and
// methods (value.name()). Functions take the arguments as the call gave them and bind them to
// parameter names themselves.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/text/template/value.h"

namespace hearth::jinja {

class Evaluator;

struct CallArgs {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

using Callable = Result<Value> (*)(Evaluator&, const Value& self, const CallArgs&);
using Predicate = Result<bool> (*)(Evaluator&, const Value& self, const CallArgs&);

// nullptr when there is none of the name.
Callable find_filter(std::string_view name);
Predicate find_test(std::string_view name);
Callable find_method(const Value& self, std::string_view name);
// A filter of Jinja that Hearth leaves out (random, urlize, ...).
bool is_refused_filter(std::string_view name);
// A method that would change a list or dict: the sandbox hides it.
bool is_mutator(const Value& self, std::string_view name);
// A str method of Python that Hearth leaves out (encode, translate, ...).
bool is_refused_method(const Value& self, std::string_view name);

// The values of named parameters; a parameter that the call left out has none.
class Bound {
 public:
  explicit Bound(std::vector<std::optional<Value>> values) : values_(std::move(values)) {}

  bool has(size_t i) const { return values_[i].has_value(); }
  const Value& operator[](size_t i) const { return *values_[i]; }
  // False for an absent parameter.
  bool is_true(size_t i) const { return has(i) && truthy(values_[i].value()); }
  // Absent or None.
  bool is_none(size_t i) const { return !has(i) || values_[i]->is_none(); }
  Result<Int> integer(size_t i, Int fallback) const;

 private:
  std::vector<std::optional<Value>> values_;
};
// Too many, unknown or repeated arguments, or fewer than `required`, are errors naming `callee`.
Result<Bound> bind(std::string_view callee, const CallArgs& args,
                   std::initializer_list<std::string_view> parameters, size_t required = 0);

// ---- Shared by the files that fill the tables.

template <typename Function>
struct Entry {
  std::string_view name;
  Function function;
};
template <typename Function, size_t n>
Function find_entry(const Entry<Function> (&table)[n], std::string_view name) {
  for (const auto& entry : table) {
    if (entry.name == name) return entry.function;
  }
  return nullptr;
}

Callable find_text_filter(std::string_view name);
Callable find_sequence_filter(std::string_view name);
Callable find_str_method(std::string_view name);

// str(value) for the filters that work on text.
Result<Value> as_text(Evaluator& evaluator, const Value& value);
// lower, upper, title, capitalize on a text's characters.
enum class Case { lower, upper, title, capitalize, swap };
Result<Value> change_case(Evaluator& evaluator, const Str& text, Case to);
// Strips characters of `set` (absent: white space) at the ends asked for.
Value strip(const Str& text, const std::optional<std::string>& set, bool left, bool right);
Result<Value> replace_text(Evaluator& evaluator, const Str& text, const MarkedText& from,
                           const MarkedText& to, Int count);
Result<Value> join_texts(Evaluator& evaluator, const MarkedText& separator,
                         const std::vector<Value>& parts, bool markup);
std::vector<std::pair<size_t, size_t>> line_bounds(std::string_view text, bool keep_ends);
Result<Value> json_filter(Evaluator& evaluator, const Value& value, const CallArgs& args);

}  // namespace hearth::jinja
