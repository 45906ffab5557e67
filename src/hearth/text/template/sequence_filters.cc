// Filters on sequences. Those that are lazy in the reference are lazy here: a generator is walked
// once, and tojson refuses it.
#include <algorithm>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/filters.h"
#include "hearth/text/template/literals.h"
#include "hearth/text/template/print.h"
#include "hearth/text/template/value_ops.h"

namespace hearth::jinja {
namespace {

using MaybeValue = std::optional<Value>;
// What a filter looks at in an element: the element itself, an attribute, its lower case.
using Key = std::function<Result<Value>(const Value&)>;

std::vector<Value> attribute_path(const Value& attribute) {
  std::vector<Value> path;
  const Str* s = attribute.as_str();
  if (s == nullptr) {
    if (!attribute.is_none()) path.push_back(attribute);
    return path;
  }
  const std::string_view text = s->text.view();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    const bool digits = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    const std::optional<Int> index = digits ? parse_int(part, 10) : std::nullopt;
    path.push_back(index ? Value::integer(*index) : Value::literal(part));
    begin = end + 1;
  }
  return path;
}

Result<Value> fold_case(Evaluator& evaluator, Value value, bool case_sensitive) {
  if (case_sensitive || !value.is_str()) return value;
  return change_case(evaluator, *value.as_str(), Case::lower);
}

Key key_of(Evaluator& evaluator, const Value& attribute, bool case_sensitive,
           MaybeValue fallback = {}) {
  return [&evaluator, path = attribute_path(attribute), case_sensitive,
          fallback = std::move(fallback)](const Value& element) -> Result<Value> {
    Value value = element;
    for (const Value& part : path) {
      TRY_ASSIGN(value, evaluator.item(value, part));
      if (value.is_undefined() && fallback.has_value()) value = *fallback;
    }
    return fold_case(evaluator, std::move(value), case_sensitive);
  };
}

// Sorts by keys made beforehand; equal elements keep their order, in reverse too.
Result<std::vector<Value>> sorted(Evaluator& evaluator, std::vector<Value> elements, const Key& key,
                                  bool reverse) {
  std::vector<std::pair<Value, size_t>> keyed;
  for (size_t i = 0; i < elements.size(); ++i) {
    TRY_ASSIGN(Value k, key(elements[i]));
    keyed.emplace_back(std::move(k), i);
  }
  Status failed;
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    if (!failed.is_ok()) return false;
    Result<bool> before = reverse ? less(evaluator.budget(), b.first, a.first)
                                  : less(evaluator.budget(), a.first, b.first);
    if (!before) failed = std::move(before).status();
    return before && *before;
  });
  TRY(std::move(failed));
  std::vector<Value> out;
  for (const auto& [k, i] : keyed) out.push_back(std::move(elements[i]));
  return out;
}

Result<Value> list_of(Evaluator& evaluator, std::vector<Value> elements) {
  return make_list(evaluator.budget(), List::Kind::list, std::move(elements));
}

Result<Value> filter_length(Evaluator&, const Value& value, const CallArgs& args) {
  TRY(bind("length", args, {}));
  if (value.is_undefined()) return Value::integer(0);
  if (const Str* s = value.as_str()) return Value::integer(char_count(s->text.view()));
  if (const List* list = value.as_list()) return Value::integer(Int(list->elements.size()));
  if (const Dict* dict = value.as_dict()) return Value::integer(Int(dict->entries.size()));
  return error(Code::invalid, "object of type '{}' has no len()", value.type_name());
}

Result<Value> filter_list(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("list", args, {}));
  TRY_ASSIGN(std::vector<Value> elements, collect(evaluator.budget(), value));
  return list_of(evaluator, std::move(elements));
}

Result<Value> filter_first(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("first", args, {}));
  TRY_ASSIGN(const Next next, iterate(evaluator.budget(), value));
  TRY_ASSIGN(MaybeValue element, next());
  if (element.has_value()) return std::move(*element);
  return Value::undefined("No first item, sequence was empty.");
}

Result<Value> filter_last(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("last", args, {}));
  if (value.as_object() != nullptr || value.is_number() || value.is_none()) {
    return error(Code::invalid, "'{}' object is not reversible", value.type_name());
  }
  TRY_ASSIGN(std::vector<Value> elements, collect(evaluator.budget(), value));
  if (!elements.empty()) return std::move(elements.back());
  return Value::undefined("No last item, sequence was empty.");
}

Result<Value> filter_join(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("join", args, {"d", "attribute"}));
  MarkedText separator;
  if (b.has(0)) {
    TRY_ASSIGN(separator, to_text(evaluator.budget(), b[0]));
  }
  TRY_ASSIGN(std::vector<Value> parts, collect(evaluator.budget(), value));
  if (!b.is_none(1)) {
    const Key key = key_of(evaluator, b[1], true);
    for (Value& part : parts) {
      TRY_ASSIGN(part, key(part));
    }
  }
  return join_texts(evaluator, separator, parts, false);
}

Result<Value> filter_reverse(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("reverse", args, {}));
  Budget& budget = evaluator.budget();
  if (value.is_str()) {
    TRY_ASSIGN(MaybeValue text, slice(budget, value, {std::nullopt, std::nullopt, Int{-1}}));
    return std::move(*text);
  }
  TRY_ASSIGN(std::vector<Value> elements, collect(budget, value));
  std::reverse(elements.begin(), elements.end());
  const int depth = value.depth();
  TRY_ASSIGN(Value list, list_of(evaluator, std::move(elements)));
  if (value.as_object() != nullptr) return list;
  TRY_ASSIGN(Next next, iterate(budget, list));
  return make_generator(budget, depth, std::move(next));
}

Result<Value> filter_sort(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("sort", args, {"reverse", "case_sensitive", "attribute"}));
  TRY_ASSIGN(std::vector<Value> elements, collect(evaluator.budget(), value));
  std::vector<Key> keys;
  // Several attributes are parted by commas; they make a list that is compared element by element.
  if (!b.is_none(2) && b[2].is_str()) {
    const std::string_view text = b[2].as_str()->text.view();
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      keys.push_back(
          key_of(evaluator, Value::literal(text.substr(begin, end - begin)), b.is_true(1)));
      begin = end + 1;
    }
  } else {
    keys.push_back(key_of(evaluator, b.is_none(2) ? Value::none() : b[2], b.is_true(1)));
  }
  const Key key = [&](const Value& element) -> Result<Value> {
    std::vector<Value> parts;
    for (const Key& one : keys) {
      TRY_ASSIGN(Value part, one(element));
      parts.push_back(std::move(part));
    }
    return list_of(evaluator, std::move(parts));
  };
  TRY_ASSIGN(elements, sorted(evaluator, std::move(elements), key, b.is_true(0)));
  return list_of(evaluator, std::move(elements));
}

Result<Value> filter_dictsort(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("dictsort", args, {"case_sensitive", "by", "reverse"}));
  TRY(refuse_undefined(value));
  const std::string_view by = !b.has(1)       ? "key"
                              : b[1].is_str() ? b[1].as_str()->text.view()
                                              : std::string_view();
  if (by != "key" && by != "value") {
    return error(Code::invalid, "dictsort: You can only sort by either \"key\" or \"value\"");
  }
  if (!value.is_dict()) {
    return error(Code::invalid, "dictsort: expected a dict, found {}", value.type_name());
  }
  std::vector<Value> pairs;
  for (const auto& [k, v] : value.as_dict()->entries) {
    TRY_ASSIGN(Value pair, make_list(evaluator.budget(), List::Kind::tuple, {k, v}));
    pairs.push_back(std::move(pair));
  }
  const Key key = key_of(evaluator, Value::integer(by == "key" ? 0 : 1), b.is_true(0));
  TRY_ASSIGN(pairs, sorted(evaluator, std::move(pairs), key, b.is_true(2)));
  return list_of(evaluator, std::move(pairs));
}

Result<Value> filter_unique(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("unique", args, {"case_sensitive", "attribute"}));
  Budget& budget = evaluator.budget();
  TRY_ASSIGN(Next next, iterate(budget, value));
  const Key key = key_of(evaluator, b.is_none(1) ? Value::none() : b[1], b.is_true(0));
  return make_generator(
      budget, value.depth(),
      [&budget, next = std::move(next), key, seen = Dict()]() mutable -> Result<MaybeValue> {
        while (true) {
          TRY_ASSIGN(MaybeValue element, next());
          if (!element.has_value()) return element;
          TRY_ASSIGN(Value k, key(*element));
          TRY(budget.steps(static_cast<int64_t>(seen.entries.size())));
          TRY_ASSIGN(const std::optional<size_t> at, find_key(budget, seen, k));
          if (at.has_value()) continue;
          TRY(budget.bytes(2 * sizeof(Value)));
          seen.entries.emplace_back(std::move(k), Value::none());
          return element;
        }
      });
}

template <bool want_max>
Result<Value> filter_extreme(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind(want_max ? "max" : "min", args, {"case_sensitive", "attribute"}));
  TRY_ASSIGN(std::vector<Value> elements, collect(evaluator.budget(), value));
  if (elements.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const Key key = key_of(evaluator, b.is_none(1) ? Value::none() : b[1], b.is_true(0));
  size_t best = 0;
  TRY_ASSIGN(Value best_key, key(elements[0]));
  for (size_t i = 1; i < elements.size(); ++i) {
    TRY_ASSIGN(Value k, key(elements[i]));
    TRY_ASSIGN(const bool better, want_max ? less(evaluator.budget(), best_key, k)
                                           : less(evaluator.budget(), k, best_key));
    if (!better) continue;
    best = i;
    best_key = std::move(k);
  }
  return std::move(elements[best]);
}

Result<Value> filter_sum(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("sum", args, {"attribute", "start"}));
  Value total = b.has(1) ? b[1] : Value::integer(0);
  if (total.is_str()) return error(Code::invalid, "sum() can't sum strings");
  const Key key = key_of(evaluator, b.is_none(0) ? Value::none() : b[0], true);
  TRY_ASSIGN(const std::vector<Value> elements, collect(evaluator.budget(), value));
  for (const Value& element : elements) {
    TRY_ASSIGN(const Value part, key(element));
    TRY_ASSIGN(total, arithmetic(evaluator.budget(), BinaryOp::add, total, part));
  }
  return total;
}

Result<Value> filter_items(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY(bind("items", args, {}));
  Budget& budget = evaluator.budget();
  // Lazy in the reference, which finds out what it was given when the result is walked.
  return make_generator(budget, value.depth(),
                        [&budget, value, i = size_t{0}]() mutable -> Result<MaybeValue> {
                          if (value.is_undefined()) return MaybeValue();
                          const Dict* dict = value.as_dict();
                          if (dict == nullptr) {
                            return error(Code::invalid, "Can only get item pairs from a mapping.");
                          }
                          if (i == dict->entries.size()) return MaybeValue();
                          const auto& [k, v] = dict->entries[i++];
                          TRY_ASSIGN(Value pair, make_list(budget, List::Kind::tuple, {k, v}));
                          return MaybeValue(std::move(pair));
                        });
}

Result<Value> filter_map(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  Budget& budget = evaluator.budget();
  Key function;
  if (args.positional.empty()) {
    TRY_ASSIGN(const Bound b, bind("map", args, {"attribute", "default"}, 1));
    MaybeValue fallback;
    if (!b.is_none(1)) fallback = b[1];
    function = key_of(evaluator, b[0], true, std::move(fallback));
  } else {
    if (!args.positional[0].is_str()) return error(Code::invalid, "map: expected a filter's name");
    CallArgs rest = args;
    rest.positional.erase(rest.positional.begin());
    function = [&evaluator, name = args.positional[0].as_str()->text.bytes(),
                rest = std::move(rest)](const Value& element) {
      return evaluator.call_filter(name, element, rest);
    };
  }
  Next next = []() -> Result<MaybeValue> { return MaybeValue(); };
  if (truthy(value)) {
    TRY_ASSIGN(next, iterate(budget, value));
  }
  return make_generator(budget, value.depth(),
                        [next = std::move(next), function]() -> Result<MaybeValue> {
                          TRY_ASSIGN(MaybeValue element, next());
                          if (!element.has_value()) return element;
                          TRY_ASSIGN(Value mapped, function(*element));
                          return MaybeValue(std::move(mapped));
                        });
}

// select, reject and their attr forms: keeps elements for which the test gives `wanted`.
template <bool wanted, bool by_attribute>
Result<Value> filter_select(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  Budget& budget = evaluator.budget();
  CallArgs rest = args;
  Key key = [](const Value& element) -> Result<Value> { return element; };
  if (by_attribute) {
    if (args.positional.empty()) return error(Code::invalid, "missing the attribute's name");
    key = key_of(evaluator, args.positional[0], true);
    rest.positional.erase(rest.positional.begin());
  }
  std::optional<std::string> test;
  if (!rest.positional.empty()) {
    if (!rest.positional[0].is_str()) return error(Code::invalid, "expected a test's name");
    test = rest.positional[0].as_str()->text.bytes();
    rest.positional.erase(rest.positional.begin());
  }
  Next next = []() -> Result<MaybeValue> { return MaybeValue(); };
  if (truthy(value)) {
    TRY_ASSIGN(next, iterate(budget, value));
  }
  return make_generator(budget, value.depth(),
                        [&evaluator, next = std::move(next), key = std::move(key), test,
                         rest = std::move(rest)]() -> Result<MaybeValue> {
                          while (true) {
                            TRY_ASSIGN(MaybeValue element, next());
                            if (!element.has_value()) return element;
                            TRY_ASSIGN(const Value k, key(*element));
                            bool holds = truthy(k);
                            if (test.has_value()) {
                              TRY_ASSIGN(holds, evaluator.call_test(*test, k, rest));
                            }
                            if (holds == wanted) return element;
                          }
                        });
}

Result<Value> filter_batch(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("batch", args, {"linecount", "fill_with"}, 1));
  TRY_ASSIGN(const Int size, b.integer(0, 1));
  if (size < 1 || size > 1'000'000) return error(Code::invalid, "batch: size out of range");
  TRY_ASSIGN(Next next, iterate(evaluator.budget(), value));
  const Value fill = b.has(1) ? b[1] : Value::none();
  return make_generator(evaluator.budget(), value.depth() + 1,
                        [&evaluator, next = std::move(next), fill, size]() -> Result<MaybeValue> {
                          std::vector<Value> row;
                          while (static_cast<Int>(row.size()) < size) {
                            TRY_ASSIGN(MaybeValue element, next());
                            if (!element.has_value()) break;
                            row.push_back(std::move(*element));
                          }
                          if (row.empty()) return MaybeValue();
                          if (!fill.is_none()) row.resize(static_cast<size_t>(size), fill);
                          TRY_ASSIGN(Value list, list_of(evaluator, std::move(row)));
                          return MaybeValue(std::move(list));
                        });
}

Result<Value> filter_slice(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("slice", args, {"slices", "fill_with"}, 1));
  TRY_ASSIGN(const Int wide, b.integer(0, 1));
  if (wide < 1 || wide > 1'000'000) return error(Code::invalid, "slice: count out of range");
  const auto slices = static_cast<size_t>(wide);
  TRY_ASSIGN(std::vector<Value> all, collect(evaluator.budget(), value));
  const Value fill = b.has(1) ? b[1] : Value::none();
  return make_generator(evaluator.budget(), value.depth() + 1,
                        [&evaluator, all = std::move(all), fill, slices, i = size_t{0},
                         at = size_t{0}]() mutable -> Result<MaybeValue> {
                          if (i == slices) return MaybeValue();
                          const size_t longer =
                              all.size() % slices;  // the first slices take one element more
                          const size_t size = all.size() / slices + (i < longer ? 1 : 0);
                          const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
                          std::vector<Value> part(begin, begin + static_cast<std::ptrdiff_t>(size));
                          if (!fill.is_none() && i >= longer) part.push_back(fill);
                          at += size;
                          ++i;
                          TRY_ASSIGN(Value list, list_of(evaluator, std::move(part)));
                          return MaybeValue(std::move(list));
                        });
}

Result<Value> group_of(Evaluator& evaluator, Value key, std::vector<Value> members) {
  TRY_ASSIGN(Value list, list_of(evaluator, std::move(members)));
  List pair;
  pair.kind = List::Kind::tuple;
  pair.group = true;
  pair.elements = {std::move(key), std::move(list)};
  return make_list(evaluator.budget(), std::move(pair));
}

Result<Value> filter_groupby(Evaluator& evaluator, const Value& value, const CallArgs& args) {
  TRY_ASSIGN(const Bound b, bind("groupby", args, {"attribute", "default", "case_sensitive"}, 1));
  MaybeValue fallback;
  if (!b.is_none(1)) fallback = b[1];
  const Key key = key_of(evaluator, b[0], b.is_true(2), fallback);
  const Key shown = key_of(evaluator, b[0], true, fallback);
  TRY_ASSIGN(std::vector<Value> elements, collect(evaluator.budget(), value));
  TRY_ASSIGN(elements, sorted(evaluator, std::move(elements), key, false));
  std::vector<Value> groups;
  for (size_t i = 0; i < elements.size();) {
    TRY_ASSIGN(const Value group_key, key(elements[i]));
    TRY_ASSIGN(Value shown_key, shown(elements[i]));
    std::vector<Value> members;
    for (; i < elements.size(); ++i) {
      TRY_ASSIGN(const Value k, key(elements[i]));
      TRY_ASSIGN(const bool same, equal(evaluator.budget(), k, group_key));
      if (!same) break;
      members.push_back(elements[i]);
    }
    TRY_ASSIGN(Value group, group_of(evaluator, std::move(shown_key), std::move(members)));
    groups.push_back(std::move(group));
  }
  return list_of(evaluator, std::move(groups));
}

constexpr Entry<Callable> kFilters[] = {
    {"batch", filter_batch},
    {"count", filter_length},
    {"dictsort", filter_dictsort},
    {"first", filter_first},
    {"groupby", filter_groupby},
    {"items", filter_items},
    {"join", filter_join},
    {"last", filter_last},
    {"length", filter_length},
    {"list", filter_list},
    {"map", filter_map},
    {"max", filter_extreme<true>},
    {"min", filter_extreme<false>},
    {"reject", filter_select<false, false>},
    {"rejectattr", filter_select<false, true>},
    {"reverse", filter_reverse},
    {"select", filter_select<true, false>},
    {"selectattr", filter_select<true, true>},
    {"slice", filter_slice},
    {"sort", filter_sort},
    {"sum", filter_sum},
    {"unique", filter_unique},
};

}  // namespace

Callable find_sequence_filter(std::string_view name) {
  return find_entry(kFilters, name);
}

}  // namespace hearth::jinja
