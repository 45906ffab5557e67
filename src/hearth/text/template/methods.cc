// Methods of dicts and lists, and which of Python's names the sandbox hides.
#include <algorithm>

#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/filters.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {
namespace {

Result<Value> dict_get(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  if (!args.named.empty()) return error(Code::invalid, "get() takes no keyword arguments");
  TRY_ASSIGN(const Bound b, bind("get", args, {"key", "default"}, 1));
  const Dict& dict = *self.as_dict();
  TRY_ASSIGN(const std::optional<size_t> at, find_key(evaluator.budget(), dict, b[0]));
  if (at.has_value()) return dict.entries[*at].second;
  return b.has(1) ? b[1] : Value::none();
}

Result<Value> dict_items(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY(bind("items", args, {}));
  std::vector<Value> pairs;
  for (const auto& [key, value] : self.as_dict()->entries) {
    TRY_ASSIGN(Value pair, make_list(evaluator.budget(), List::Kind::tuple, {key, value}));
    pairs.push_back(std::move(pair));
  }
  return make_list(evaluator.budget(), List::Kind::items, std::move(pairs));
}

Result<Value> dict_keys(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY(bind("keys", args, {}));
  std::vector<Value> keys;
  for (const auto& [key, value] : self.as_dict()->entries) keys.push_back(key);
  return make_list(evaluator.budget(), List::Kind::keys, std::move(keys));
}

Result<Value> dict_values(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY(bind("values", args, {}));
  std::vector<Value> values;
  for (const auto& [key, value] : self.as_dict()->entries) values.push_back(value);
  return make_list(evaluator.budget(), List::Kind::values, std::move(values));
}

// Lists and dicts never change, so a copy is the thing itself.
Result<Value> copy(Evaluator&, const Value& self, const CallArgs& args) {
  TRY(bind("copy", args, {}));
  return self;
}

Result<Value> list_count(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("count", args, {"value"}, 1));
  Int count = 0;
  for (const Value& element : self.as_list()->elements) {
    TRY_ASSIGN(const bool same, equal(evaluator.budget(), element, b[0]));
    count += same ? 1 : 0;
  }
  return Value::integer(count);
}

Result<Value> list_index(Evaluator& evaluator, const Value& self, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("index", args, {"value"}, 1));
  const auto& elements = self.as_list()->elements;
  for (size_t i = 0; i < elements.size(); ++i) {
    TRY_ASSIGN(const bool same, equal(evaluator.budget(), elements[i], b[0]));
    if (same) return Value::integer(static_cast<Int>(i));
  }
  return error(Code::invalid, "index: the value is not in the list");
}

constexpr Entry<Callable> kDictMethods[] = {
    {"copy", copy},      {"get", dict_get},       {"items", dict_items},
    {"keys", dict_keys}, {"values", dict_values},
};
constexpr Entry<Callable> kListMethods[] = {
    {"copy", copy}, {"count", list_count}, {"index", list_index}};
constexpr Entry<Callable> kTupleMethods[] = {{"count", list_count}, {"index", list_index}};

template <size_t n>
bool is_one_of(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

Callable find_method(const Value& self, std::string_view name) {
  if (self.is_str()) return find_str_method(name);
  if (self.is_dict()) return find_entry(kDictMethods, name);
  const List* list = self.as_list();
  if (list == nullptr || !list->has_index()) return nullptr;
  return list->kind == List::Kind::list ? find_entry(kListMethods, name)
                                        : find_entry(kTupleMethods, name);
}

bool is_mutator(const Value& self, std::string_view name) {
  constexpr std::string_view kDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  constexpr std::string_view kList[] = {"append", "clear",  "extend",  "insert",
                                        "pop",    "remove", "reverse", "sort"};
  if (self.is_dict()) return is_one_of(kDict, name);
  const List* list = self.as_list();
  return list != nullptr && list->kind == List::Kind::list && is_one_of(kList, name);
}

bool is_refused_method(const Value& self, std::string_view name) {
  constexpr std::string_view kStr[] = {"encode",      "expandtabs", "isidentifier",
                                       "isprintable", "maketrans",  "translate"};
  constexpr std::string_view kDict[] = {"fromkeys"};
  constexpr std::string_view kNumber[] = {
      "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator",
      "from_bytes",       "fromhex",   "hex",        "imag",      "is_integer",
      "numerator",        "real",      "to_bytes"};
  if (self.is_str()) return is_one_of(kStr, name);
  if (self.is_dict()) return is_one_of(kDict, name);
  return self.is_number() && is_one_of(kNumber, name);
}

}  // namespace hearth::jinja
