// The values of the template language: Python's, as far as templates can see them. Strings, lists
// and dicts are immutable (the sandbox allows no change of them) and shared; only a namespace
// changes. Integers have 128 bits; what exceeds them is an error, not a wrap.
// Threads: one rendering's values belong to one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/text/template/limits.h"
#include "hearth/text/template/marked_text.h"

namespace hearth::jinja {

using Int = __int128;

struct Str;
struct List;
struct Dict;
struct Object;

// A name or attribute that is not there. It prints as "", is false and iterates over nothing; any
// other use is the error `why`.
struct Undefined {
  std::shared_ptr<const std::string> why;
};
struct None {};

class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, Int, double, std::shared_ptr<const Str>,
                               std::shared_ptr<const List>, std::shared_ptr<const Dict>,
                               std::shared_ptr<Object>>;

  Value() = default;  // undefined
  static Value undefined(std::string why);
  static Value none() { return Value(None{}); }
  static Value boolean(bool b) { return Value(b); }
  static Value integer(Int i) { return Value(i); }
  static Value real(double d) { return Value(d); }
  static Value object(std::shared_ptr<Object> o) { return Value(std::move(o)); }
  static Value str(MarkedText text, bool markup = false);
  static Value literal(std::string_view text) { return str(MarkedText(text, true)); }

  bool is_undefined() const { return std::holds_alternative<Undefined>(v_); }
  bool is_none() const { return std::holds_alternative<None>(v_); }
  bool is_bool() const { return std::holds_alternative<bool>(v_); }
  // An integer in Python's sense: bool is one too.
  bool is_int() const { return std::holds_alternative<Int>(v_) || is_bool(); }
  bool is_float() const { return std::holds_alternative<double>(v_); }
  bool is_number() const { return is_int() || is_float(); }
  bool is_str() const { return as_str() != nullptr; }
  bool is_dict() const { return as_dict() != nullptr; }

  bool as_bool() const { return std::get<bool>(v_); }
  Int as_int() const { return is_bool() ? Int{as_bool()} : std::get<Int>(v_); }
  double as_double() const {
    return is_float() ? std::get<double>(v_) : static_cast<double>(as_int());
  }
  // nullptr when the value is of another kind.
  const Str* as_str() const { return pointer<const Str>(); }
  const List* as_list() const { return pointer<const List>(); }
  const Dict* as_dict() const { return pointer<const Dict>(); }
  Object* as_object() const { return pointer<Object>(); }
  template <typename T>
  T* as() const {
    return dynamic_cast<T*>(as_object());
  }

  const std::string& undefined_why() const;
  const Variant& variant() const { return v_; }
  // Same object, as Python's `is`.
  bool same(const Value& other) const;
  // Python's type name as its error messages have it ("str", "dict", "builtin_function").
  std::string_view type_name() const;
  // Levels of values inside each other; a scalar has 0.
  int depth() const;

 private:
  friend Result<Value> make_list(Budget&, List);
  friend Result<Value> make_dict(Budget&, Dict);
  explicit Value(Variant v) : v_(std::move(v)) {}
  template <typename T>
  T* pointer() const {
    const auto* p = std::get_if<std::shared_ptr<T>>(&v_);
    return p == nullptr ? nullptr : p->get();
  }

  Variant v_;
};

struct Str {
  MarkedText text;
  bool markup = false;  // what the `safe` and `escape` filters return: `+` escapes its other side
};

struct List {
  enum class Kind { list, tuple, range, keys, values, items };

  Kind kind = Kind::list;
  std::vector<Value> elements;
  bool group = false;   // a tuple of `groupby`: .grouper and .list name its two elements
  Int range_begin = 0;  // of a range, for its repr
  Int range_end = 0;
  Int range_step = 1;
  int depth = 1;

  bool has_index() const {
    return kind == Kind::list || kind == Kind::tuple || kind == Kind::range;
  }
};

struct Dict {
  std::vector<std::pair<Value, Value>> entries;  // in order of insertion; keys differ
  int depth = 1;

  const Value* find(std::string_view key) const;  // linear: dicts of a chat are small
};

// Reference types: namespaces, callables, loops, generators.
struct Object {
  virtual ~Object() = default;
  virtual std::string_view type_name() const = 0;
  virtual int depth() const { return 1; }
};

// Gives the next element, nothing at the end, or the error met on the way.
using Next = std::function<Result<std::optional<Value>>()>;

// A lazy sequence that can be walked once.
struct Generator : Object {
  Next next;
  int levels = 1;

  std::string_view type_name() const override { return "generator"; }
  int depth() const override { return levels; }
};

// Both pay for their elements and refuse nesting beyond the limit.
Result<Value> make_list(Budget& budget, List list);
Result<Value> make_list(Budget& budget, List::Kind kind, std::vector<Value> elements);
Result<Value> make_dict(Budget& budget, Dict dict);
// A generator over something `source_depth` levels deep.
Result<Value> make_generator(Budget& budget, int source_depth, Next next);
// Pays for the text.
Result<Value> make_str(Budget& budget, MarkedText text, bool markup = false);

// Text that grows under the budget.
class TextBuilder {
 public:
  explicit TextBuilder(Budget& budget) : budget_(budget) {}

  Status append(std::string_view bytes, bool trusted) {
    TRY(budget_.bytes(static_cast<int64_t>(bytes.size())));
    text_.append(bytes, trusted);
    return Status::ok();
  }
  Status append(const MarkedText& other) { return append(other, 0, other.size()); }
  Status append(const MarkedText& other, size_t begin, size_t end) {
    TRY(budget_.bytes(static_cast<int64_t>(end - begin)));
    text_.append(other, begin, end);
    return Status::ok();
  }
  size_t size() const { return text_.size(); }
  Budget& budget() { return budget_; }
  MarkedText take() && { return std::move(text_); }
  Value take_str(bool markup = false) && { return Value::str(std::move(text_), markup); }

 private:
  Budget& budget_;
  MarkedText text_;
};

bool truthy(const Value& value);

// Walks a list, string (by characters), dict (by keys), generator or undefined; else an error.
Result<Next> iterate(Budget& budget, const Value& value);
Result<std::vector<Value>> collect(Budget& budget, const Value& value);

}  // namespace hearth::jinja
